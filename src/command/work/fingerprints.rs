//! Which form of the config hash is written, and how labels are compared with it.

use anyhow::{Result, anyhow};

use super::super::Context;
use crate::convert::Stamp;
use crate::execute::Stamps;
use crate::hash::{self, HashForm};
use crate::name::ServiceName;
use crate::plan::Hashes;
use crate::project::{Network, Service, Volume};
use crate::report::{ProgressMode, Wording};

/// The form that is written, and the version of Compose that it is named after.
#[derive(Clone, Debug)]
pub(crate) struct Fingerprints {
    form: HashForm,
    version: String,
}

impl Fingerprints {
    /// The form that `DCO_COMPOSE_HASH` asks for, else that of the Docker Compose that is installed,
    /// else that of Compose 5.
    pub(crate) fn choose(cx: &Context) -> Result<Self> {
        let form = match cx.env.get("DCO_COMPOSE_HASH") {
            Some(text) => text.parse().map_err(|error: String| anyhow!(error))?,
            None => match super::plugin::installed(cx) {
                Some(version) => {
                    return Ok(Self {
                        form: HashForm::of_version(&version),
                        version,
                    });
                }
                None => HashForm::default(),
            },
        };
        let version = match form {
            HashForm::Two => "2.40.3",
            HashForm::Five => "5.5.0",
        };
        Ok(Self {
            form,
            version: version.to_owned(),
        })
    }

    /// The form that is written.
    pub(crate) fn form(&self) -> HashForm {
        self.form
    }

    /// The version of Compose that labels name, where there is no configuration to hash.
    pub(crate) fn version(&self) -> Stamp {
        self.stamp(hash::ConfigHash(String::new()))
    }

    fn stamp(&self, hash: hash::ConfigHash) -> Stamp {
        Stamp {
            hash: hash.0,
            version: self.version.clone(),
        }
    }
}

/// Whose progress lines are written: those of Compose 5 where its hash is asked for or it is
/// installed, else those of Compose 2, which most scripts know.
pub(crate) fn wording(cx: &Context) -> Wording {
    match cx.style().progress {
        ProgressMode::Plain => manners(cx),
        _ => Wording::Two,
    }
}

/// The same for what does not depend on how progress is shown.
pub(crate) fn manners(cx: &Context) -> Wording {
    let form = match cx.env.get("DCO_COMPOSE_HASH") {
        Some(text) => text.parse().ok(),
        None => super::plugin::installed(cx).map(|version| HashForm::of_version(&version)),
    };
    match form {
        Some(HashForm::Five) => Wording::Five,
        Some(HashForm::Two) | None => Wording::Two,
    }
}

impl Stamps for Fingerprints {
    fn service(&self, service: &Service) -> Stamp {
        self.stamp(hash::service(service, self.form))
    }
    fn network(&self, network: &Network) -> Stamp {
        self.stamp(hash::network(network))
    }
    fn volume(&self, volume: &Volume) -> Stamp {
        self.stamp(hash::volume(volume))
    }
}

impl Hashes for Fingerprints {
    fn service(&self, _: &ServiceName, service: &Service, label: &str) -> bool {
        hash::service_matches(service, label)
    }
    fn network(&self, network: &Network, label: &str) -> bool {
        hash::network(network).0 == label
    }
    fn volume(&self, volume: &Volume, label: &str) -> bool {
        hash::volume(volume).0 == label
    }
}
