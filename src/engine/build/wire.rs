//! BuildKit's messages, as far as dco speaks them: field numbers from BuildKit's and fsutil's
//! `.proto` files, which keep them stable.

use std::collections::HashMap;

use prost::Message;

/// `moby.buildkit.v1.SolveRequest`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SolveRequest {
    #[prost(string, tag = "1")]
    pub(super) r#ref: String,
    /// Deprecated in favour of a list, and still read by every version.
    #[prost(string, tag = "3")]
    pub(super) exporter: String,
    #[prost(map = "string, string", tag = "4")]
    pub(super) exporter_attrs: HashMap<String, String>,
    #[prost(string, tag = "5")]
    pub(super) session: String,
    #[prost(string, tag = "6")]
    pub(super) frontend: String,
    #[prost(map = "string, string", tag = "7")]
    pub(super) frontend_attrs: HashMap<String, String>,
    #[prost(message, optional, tag = "8")]
    pub(super) cache: Option<CacheOptions>,
    #[prost(string, repeated, tag = "9")]
    pub(super) entitlements: Vec<String>,
}

/// `moby.buildkit.v1.CacheOptions`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CacheOptions {
    #[prost(message, repeated, tag = "4")]
    pub(super) exports: Vec<CacheEntry>,
}

/// `moby.buildkit.v1.CacheOptionsEntry`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CacheEntry {
    #[prost(string, tag = "1")]
    pub(super) r#type: String,
    #[prost(map = "string, string", tag = "2")]
    pub(super) attrs: HashMap<String, String>,
}

/// `moby.buildkit.v1.SolveResponse`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SolveResponse {
    #[prost(map = "string, string", tag = "1")]
    pub(super) exporter: HashMap<String, String>,
}

/// `moby.buildkit.v1.StatusRequest`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct StatusRequest {
    #[prost(string, tag = "1")]
    pub(super) r#ref: String,
}

/// `moby.buildkit.v1.StatusResponse`: what changed since the last one.
#[derive(Clone, PartialEq, Message)]
pub struct StatusResponse {
    #[prost(message, repeated, tag = "1")]
    pub(super) vertexes: Vec<Vertex>,
    #[prost(message, repeated, tag = "2")]
    pub(super) statuses: Vec<VertexStatus>,
    #[prost(message, repeated, tag = "3")]
    pub(super) logs: Vec<VertexLog>,
    #[prost(message, repeated, tag = "4")]
    pub(super) warnings: Vec<VertexWarning>,
}

/// One step of a build.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Vertex {
    #[prost(string, tag = "1")]
    pub(super) digest: String,
    #[prost(string, repeated, tag = "2")]
    pub(super) inputs: Vec<String>,
    #[prost(string, tag = "3")]
    pub(super) name: String,
    #[prost(bool, tag = "4")]
    pub(super) cached: bool,
    #[prost(message, optional, tag = "5")]
    pub(super) started: Option<Timestamp>,
    #[prost(message, optional, tag = "6")]
    pub(super) completed: Option<Timestamp>,
    #[prost(string, tag = "7")]
    pub(super) error: String,
}

/// Something that a step does: a transfer, an export.
#[derive(Clone, PartialEq, Message)]
pub(super) struct VertexStatus {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(string, tag = "2")]
    pub(super) vertex: String,
    #[prost(string, tag = "3")]
    pub(super) name: String,
    #[prost(int64, tag = "4")]
    pub(super) current: i64,
    #[prost(int64, tag = "5")]
    pub(super) total: i64,
    #[prost(message, optional, tag = "6")]
    pub(super) timestamp: Option<Timestamp>,
    #[prost(message, optional, tag = "7")]
    pub(super) started: Option<Timestamp>,
    #[prost(message, optional, tag = "8")]
    pub(super) completed: Option<Timestamp>,
}

/// Output of a step's command.
#[derive(Clone, PartialEq, Message)]
pub(super) struct VertexLog {
    #[prost(string, tag = "1")]
    pub(super) vertex: String,
    #[prost(message, optional, tag = "2")]
    pub(super) timestamp: Option<Timestamp>,
    /// 1 for standard output, 2 for standard error.
    #[prost(int64, tag = "3")]
    pub(super) stream: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) msg: Vec<u8>,
}

/// What the frontend found questionable.
#[derive(Clone, PartialEq, Message)]
pub(super) struct VertexWarning {
    #[prost(string, tag = "1")]
    pub(super) vertex: String,
    #[prost(int64, tag = "2")]
    pub(super) level: i64,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) short: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub(super) detail: Vec<Vec<u8>>,
    #[prost(string, tag = "5")]
    pub(super) url: String,
}

/// `google.protobuf.Timestamp`.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Timestamp {
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(super) nanos: i32,
}

impl Timestamp {
    /// Seconds from `earlier` to this.
    pub(super) fn since(self, earlier: Self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a build's length in seconds")]
        let seconds = (self.seconds - earlier.seconds) as f64;
        seconds + f64::from(self.nanos - earlier.nanos) / 1e9
    }
}

/// `fsutil.types.Packet`: one step of a transfer of files.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Packet {
    #[prost(enumeration = "PacketKind", tag = "1")]
    pub(super) kind: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) stat: Option<Stat>,
    #[prost(uint32, tag = "3")]
    pub(super) id: u32,
    #[prost(bytes = "bytes", tag = "4")]
    pub(super) data: bytes::Bytes,
}

/// What a [`Packet`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(super) enum PacketKind {
    /// A file there is; without one, the last of them.
    Stat = 0,
    /// The receiver wants a file's content.
    Request = 1,
    /// A piece of it; an empty one ends it.
    Data = 2,
    /// Done.
    Finish = 3,
    /// It failed; the data says why.
    Error = 4,
}

/// `fsutil.types.Stat`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Stat {
    #[prost(string, tag = "1")]
    pub(super) path: String,
    /// As Go's `os.FileMode` has it.
    #[prost(uint32, tag = "2")]
    pub(super) mode: u32,
    #[prost(int64, tag = "5")]
    pub(super) size: i64,
    /// Nanoseconds since 1970.
    #[prost(int64, tag = "6")]
    pub(super) modified: i64,
    #[prost(string, tag = "7")]
    pub(super) link: String,
}

/// `moby.filesync.v1.CredentialsRequest`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CredentialsRequest {
    #[prost(string, tag = "1")]
    pub(super) host: String,
}

/// `moby.filesync.v1.CredentialsResponse`; empty for a registry that nobody is logged in to.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CredentialsResponse {
    #[prost(string, tag = "1")]
    pub(super) user: String,
    #[prost(string, tag = "2")]
    pub(super) secret: String,
}

/// `moby.buildkit.secrets.v1.GetSecretRequest`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SecretRequest {
    #[prost(string, tag = "1")]
    pub(super) id: String,
}

/// `moby.buildkit.secrets.v1.GetSecretResponse`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SecretResponse {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) data: Vec<u8>,
}

/// `moby.sshforward.v1.CheckAgentRequest`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AgentRequest {
    #[prost(string, tag = "1")]
    pub(super) id: String,
}

/// `moby.sshforward.v1.BytesMessage`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Piece {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) data: bytes::Bytes,
}

/// `grpc.health.v1.HealthCheckResponse`; 1 is serving.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Health {
    #[prost(int32, tag = "1")]
    pub(super) status: i32,
}

/// A message without a field.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Empty {}

/// `google.rpc.Status`: what `grpc-status-details-bin` holds.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RpcStatus {
    #[prost(message, repeated, tag = "3")]
    pub(super) details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Any {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

/// `errdefs.Source`: the lines of the Dockerfile that an error is about.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ErrorSource {
    #[prost(message, optional, tag = "1")]
    pub(super) info: Option<SourceInfo>,
    #[prost(message, repeated, tag = "2")]
    pub(super) ranges: Vec<SourceRange>,
}

/// `pb.SourceInfo`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SourceInfo {
    #[prost(string, tag = "1")]
    pub(super) filename: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) data: Vec<u8>,
}

/// `pb.Range`; lines count from 1.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SourceRange {
    #[prost(message, optional, tag = "1")]
    pub(super) start: Option<SourcePosition>,
    #[prost(message, optional, tag = "2")]
    pub(super) end: Option<SourcePosition>,
}

/// `pb.Position`.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct SourcePosition {
    #[prost(int32, tag = "1")]
    pub(super) line: i32,
}
