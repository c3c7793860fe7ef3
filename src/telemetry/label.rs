//! The values labels may have. Each is an enum, so their number is bounded: a value nobody declared counts
//! as `other`, and no label can carry an organization, a key, a person or an account.

macro_rules! labels {
    ($($(#[$outer:meta])* $name:ident { $($variant:ident = $text:literal,)* })*) => {
        $(
            $(#[$outer])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            #[expect(missing_docs, reason = "the text says it")]
            #[repr(u8)]
            pub enum $name { $($variant,)* }

            impl $name {
                /// Every value.
                pub const ALL: &[$name] = &[$($name::$variant,)*];

                /// As the exposition says it.
                #[must_use]
                pub const fn text(self) -> &'static str {
                    match self { $($name::$variant => $text,)* }
                }
            }
        )*
    };
}

/// Labels whose counters stand in a table.
macro_rules! indexed {
    ($($name:ident)*) => {
        $(
            impl $name {
                pub(super) const fn index(self) -> usize {
                    self as usize
                }
            }
        )*
    };
}

macro_rules! from_text {
    ($($name:ident)*) => {
        $(
            impl $name {
                /// The value with this text, else `other`.
                #[must_use]
                pub fn from_text(text: &str) -> Self {
                    Self::ALL.iter().copied().find(|value| value.text() == text).unwrap_or($name::Other)
                }
            }
        )*
    };
}

labels! {
    /// A route of the gateway.
    Route {
        Assess = "assess",
        Health = "health",
        Livez = "livez",
        Readyz = "readyz",
        Metrics = "metrics",
        Other = "other",
    }
    /// An HTTP status.
    Status {
        Ok = "200",
        NoContent = "204",
        BadRequest = "400",
        Unauthorized = "401",
        Forbidden = "403",
        NotFound = "404",
        MethodNotAllowed = "405",
        NotAcceptable = "406",
        Conflict = "409",
        TooLarge = "413",
        UnsupportedMediaType = "415",
        TooManyRequests = "429",
        Internal = "500",
        Unavailable = "503",
        Timeout = "504",
        Other = "other",
    }
    /// A flow of money.
    Flow {
        Payin = "payin",
        Payout = "payout",
        Other = "other",
    }
    /// A decision.
    Decision {
        Approve = "approve",
        Review = "review",
        Challenge = "challenge",
        Decline = "decline",
        Other = "other",
    }
    /// Why a request was refused: the code of its error.
    Reason {
        Validation = "VALIDATION_ERROR",
        Unauthorized = "UNAUTHORIZED",
        Forbidden = "FORBIDDEN",
        SecretKeyRequired = "SECRET_KEY_REQUIRED",
        PublicKeyNotAllowed = "PUBLIC_KEY_NOT_ALLOWED",
        NotFound = "NOT_FOUND",
        MethodNotAllowed = "METHOD_NOT_ALLOWED",
        NotAcceptable = "NOT_ACCEPTABLE",
        Duplicate = "DUPLICATE",
        InvalidState = "INVALID_STATE",
        IdempotencyConflict = "IDEMPOTENCY_CONFLICT",
        VersionConflict = "VERSION_CONFLICT",
        PayloadTooLarge = "PAYLOAD_TOO_LARGE",
        UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE",
        RateLimitExceeded = "RATE_LIMIT_EXCEEDED",
        RateLimited = "RATE_LIMITED",
        Internal = "INTERNAL_ERROR",
        AssessMaintenance = "ASSESS_MAINTENANCE",
        ServiceUnavailable = "SERVICE_UNAVAILABLE",
        RateLimitStoreUnavailable = "RATE_LIMIT_STORE_UNAVAILABLE",
        AssessTimeout = "ASSESS_TIMEOUT",
        Timeout = "TIMEOUT",
        Other = "other",
    }
    /// Why a record became a dead letter.
    DeadReason {
        NotJson = "not_json",
        TooLarge = "too_large",
        UnknownOrganization = "unknown_organization",
        BadEnvelope = "bad_envelope",
        UnknownType = "unknown_type",
        ReservedType = "reserved_type",
        SourceNotAllowed = "source_not_allowed",
        WrongPartition = "wrong_partition",
        EngineFault = "engine_fault",
        Other = "other",
    }
    /// What a client of Kafka's library is for.
    KafkaClient {
        Producer = "producer",
        Reader = "reader",
        Member = "member",
    }
    /// How a broker is reached.
    KafkaReach {
        Up = "up",
        Down = "down",
        Unused = "unused",
    }
    /// A quantile.
    Quantile {
        Half = "0.5",
        NinetyNine = "0.99",
    }
    /// What keeps the oldest part of the log from being trimmed.
    HeldBy {
        Nothing = "nothing",
        Age = "age",
        Reader = "reader",
        Recovery = "recovery",
    }
    /// What a row of a shard's state is.
    RowKind {
        Organization = "organization",
        ApiKey = "api_key",
        Settings = "settings",
        ActivePack = "active_pack",
        Pack = "pack",
        Lists = "lists",
        Installation = "installation",
        Signature = "signature",
        Idempotency = "idempotency",
        Session = "session",
        Decision = "decision",
        Event = "event",
        Head = "head",
        Page = "page",
        Other = "other",
    }
    /// What a shard's state consists of.
    StateKind {
        Store = "store",
    }
}

indexed! { Route Status Flow Decision Reason DeadReason }
from_text! { Flow Decision Reason DeadReason RowKind }

impl Status {
    /// The label of a status code.
    #[must_use]
    pub const fn from_code(code: u16) -> Self {
        match code {
            200 => Status::Ok,
            204 => Status::NoContent,
            400 => Status::BadRequest,
            401 => Status::Unauthorized,
            403 => Status::Forbidden,
            404 => Status::NotFound,
            405 => Status::MethodNotAllowed,
            406 => Status::NotAcceptable,
            409 => Status::Conflict,
            413 => Status::TooLarge,
            415 => Status::UnsupportedMediaType,
            429 => Status::TooManyRequests,
            500 => Status::Internal,
            503 => Status::Unavailable,
            504 => Status::Timeout,
            _ => Status::Other,
        }
    }
}
