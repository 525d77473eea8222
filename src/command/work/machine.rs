//! What files of this machine say: docker's configuration, and those that services mount.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::Context;
use crate::diagnostic::SourceFile;
use crate::engine::Engine;
use crate::project::Project;

/// The credentials of registries, helpers' too, as a `config.json` for services with
/// `use_api_socket`; no helper is asked where there is none.
pub(super) async fn registries(engine: &Engine, project: &Project) -> String {
    let mut auths = serde_json::Map::new();
    if project.services.values().any(|it| it.use_api_socket) {
        for (server, login) in engine.logins().all().await {
            let text = |key: &str| login[key].as_str().unwrap_or_default();
            let shown = match text("identitytoken") {
                "" => {
                    let pair = format!("{}:{}", text("username"), text("password"));
                    serde_json::json!({"auth": STANDARD.encode(pair)})
                }
                token => serde_json::json!({"identitytoken": token}),
            };
            auths.insert(server, shown);
        }
    }
    serde_json::json!({ "auths": auths }).to_string()
}

/// The proxies of docker's configuration, in the form of its file.
pub(in crate::command) fn proxies(cx: &Context) -> serde_json::Value {
    let config = cx.docker_config();
    let proxies = config.file.proxies.iter().map(|(host, proxy)| {
        let proxy = serde_json::json!({
            "httpProxy": proxy.http_proxy,
            "httpsProxy": proxy.https_proxy,
            "noProxy": proxy.no_proxy,
            "ftpProxy": proxy.ftp_proxy,
            "allProxy": proxy.all_proxy,
        });
        (host.clone(), proxy)
    });
    serde_json::json!({ "proxies": proxies.collect::<serde_json::Map<_, _>>() })
}

/// The text files at a path of the host: the file itself, or those directly in the folder.
pub(in crate::command) fn text_files(path: &Path) -> Vec<Arc<SourceFile>> {
    /// A configuration is not longer than this.
    const LONGEST: u64 = 256 * 1024;
    let one = |path: &Path| {
        let meta = std::fs::metadata(path).ok()?;
        if !meta.is_file() || meta.len() > LONGEST {
            return None;
        }
        Some(Arc::new(SourceFile {
            path: path.display().to_string(),
            text: std::fs::read_to_string(path).ok()?,
        }))
    };
    if path.is_file() {
        return one(path).into_iter().collect();
    }
    let Ok(entries) = std::fs::read_dir(path) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().filter_map(|path| one(path)).collect()
}
