//! Files of containers: tars in and out, and what lies at a path.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::Stream;
use hyper::Method;
use hyper::header::HeaderMap;
use serde::Deserialize;

use super::Engine;
use super::error::{Error, Result};
use super::streams::Bytes;
use super::transport::Call;

/// What lies at a path of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct PathStat {
    /// The last part of the path.
    pub name: String,
    /// Its size in bytes.
    pub size: i64,
    /// Its mode, in Go's `os.FileMode` bits.
    mode: u32,
    /// When it was changed, RFC 3339.
    #[serde(default)]
    pub mtime: String,
    /// Where it leads, if it is a symbolic link; empty otherwise.
    #[serde(rename = "linkTarget", default)]
    pub link_target: String,
}

impl PathStat {
    /// Go's bit of a directory.
    const DIRECTORY: u32 = 1 << 31;
    /// Go's bit of a symbolic link.
    const SYMLINK: u32 = 1 << 27;
    /// Go's bit of a device.
    const DEVICE: u32 = 1 << 26;
    /// Go's bits of everything that is no regular file: directory, link, pipe, socket, device,
    /// character device, irregular.
    const SPECIAL: u32 =
        Self::DIRECTORY | Self::SYMLINK | 1 << 25 | 1 << 24 | 1 << 26 | 1 << 21 | 1 << 19;

    /// It is a directory.
    pub fn is_directory(&self) -> bool {
        self.mode & Self::DIRECTORY != 0
    }

    /// It is a symbolic link.
    pub fn is_symlink(&self) -> bool {
        self.mode & Self::SYMLINK != 0
    }

    /// It is a plain file.
    pub fn is_file(&self) -> bool {
        self.mode & Self::SPECIAL == 0
    }

    /// It is a device, of blocks or of characters.
    pub fn is_device(&self) -> bool {
        self.mode & Self::DEVICE != 0
    }

    /// The permission bits, as `chmod` takes them.
    pub fn permissions(&self) -> u32 {
        self.mode & 0o777
    }
}

/// How a tar is unpacked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unpack {
    /// Refuses to put a file in a directory's place, or the reverse.
    pub keep_kinds: bool,
    /// What `docker cp --archive` asks for (`copyUIDGID`): all becomes the container's user's, if it
    /// has one. Engines before 25 look that user up on their own machine and fail where it is not.
    pub keep_owners: bool,
}

/// Calls about files of containers, running or not.
impl Engine {
    /// What lies at a path; none where there is nothing (or no such container).
    pub async fn stat(&self, id: &str, path: &str) -> Result<Option<PathStat>> {
        let call = Call::new(Method::HEAD, format!("/containers/{id}/archive"));
        let call = call.query("path", path);
        let name = call.name();
        match self.transport.call(call).await {
            Ok(response) => path_stat(&name, response.headers()).map(Some),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What lies at a path, as a tar, and what it is.
    pub async fn get_archive(&self, id: &str, path: &str) -> Result<(PathStat, Bytes)> {
        let call = Call::get(format!("/containers/{id}/archive")).query("path", path);
        let name = call.name();
        let response = self.transport.call(call).await?;
        let stat = path_stat(&name, response.headers())?;
        Ok((stat, Bytes::new(name, response.into_body())))
    }

    /// Unpacks a tar in a directory of a container; it is sent as it is made.
    pub async fn put_archive(
        &self,
        id: &str,
        directory: &str,
        tar: impl Stream<Item = io::Result<bytes::Bytes>> + Send + 'static,
        how: Unpack,
    ) -> Result<()> {
        let call = Call::new(Method::PUT, format!("/containers/{id}/archive"))
            .query("path", directory)
            .query("noOverwriteDirNonDir", how.keep_kinds)
            .query_if("copyUIDGID", how.keep_owners.then_some(true))
            .tar(tar);
        self.transport.done(call).await
    }
}

/// Reads the header that describes a path.
fn path_stat(call: &str, headers: &HeaderMap) -> Result<PathStat> {
    let unexpected = |cause: Box<dyn std::error::Error + Send + Sync>| Error::Unexpected {
        call: call.to_owned(),
        cause,
    };
    let header = headers
        .get("x-docker-container-path-stat")
        .ok_or_else(|| unexpected("the header X-Docker-Container-Path-Stat is missing".into()))?;
    let json = STANDARD
        .decode(header.as_bytes())
        .map_err(|cause| unexpected(Box::new(cause)))?;
    serde_json::from_slice(&json).map_err(|cause| unexpected(Box::new(cause)))
}
