//! Builds the images that a plan wants.

use super::Work;
use crate::convert::{BuildOptions, BuildSurroundings, image_build, proxy_variables};
use crate::diagnostic::Diagnostic;
use crate::engine::{BuildJob, BuildNumbers};
use crate::event::Event;
use crate::name::ServiceName;

impl Work<'_> {
    /// Builds the image of one service; `numbers` counts the steps of all builds of the command.
    pub(super) async fn build(
        &self,
        name: ServiceName,
        numbers: BuildNumbers,
    ) -> Result<(), Diagnostic> {
        let engine = &self.engine;
        let by = engine.builder(self.cx.env.get("DOCKER_BUILDKIT")).await;
        let by = by.map_err(|error| error.diagnostic())?;
        let host = engine.endpoint().to_string();
        let proxy = proxy_variables(&super::proxies(self.cx), &host);
        let stamp = self.prints.version();
        let surroundings = BuildSurroundings {
            options: &BuildOptions::default(),
            proxy: &proxy,
            stamp: &stamp,
            builder: by,
        };
        let build = image_build(&self.project, &name, &surroundings)?
            .ok_or_else(|| Diagnostic::error(format!("service `{name}` has no `build`")))?;
        let events = self.cx.events();
        let say = |line: String| {
            events.emit(Event::BuildOutput {
                service: name.clone(),
                line,
            });
        };
        let job = BuildJob {
            build: &build,
            numbers: &numbers,
            say: &say,
        };
        let built = engine.build_image(&job, by).await;
        built.map(drop).map_err(|failure| failure.diagnostic())
    }
}
