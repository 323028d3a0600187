//! Every limit of the decoders, with its unit in its name. (What bounds a whole request is the transport's to say.)

/// Groups inside groups that the protobuf reader skips before it refuses the message.
pub const GROUP_DEPTH_MAX: usize = 64;
/// Arrays and maps inside each other in one attribute value at most (prost's own limit allows fewer).
pub const ANY_VALUE_DEPTH_MAX: usize = 64;
/// Buckets of one explicit-bucket histogram at most: each is a series of its own.
pub const EXPLICIT_BUCKETS_MAX: usize = 1_000;
/// Quantiles of one summary point at most: each is a series of its own.
pub const QUANTILES_MAX: usize = 1_000;
/// `target_info` is repeated at this distance within a request: half of PromQL's look-back.
pub const TARGET_INFO_INTERVAL_MS: i64 = 150_000;
/// Repetitions of `target_info` in one request at most.
pub const TARGET_INFO_SAMPLES_MAX: i64 = 64;
/// Messages inside each other in a JSON request at most: enough for attribute values of `ANY_VALUE_DEPTH_MAX`, each
/// level of which is up to three messages.
pub const JSON_MESSAGE_DEPTH_MAX: usize = 256;
