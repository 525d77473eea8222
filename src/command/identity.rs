//! As which program dco was called.

/// As which program dco was called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// As itself.
    #[default]
    Dco,
    /// As `docker-compose`, alone or as the docker CLI's plugin.
    Compose,
}

impl Identity {
    /// What help and errors call the program.
    pub fn program(self) -> &'static str {
        match self {
            Self::Dco => "dco",
            Self::Compose => "docker compose",
        }
    }
}
