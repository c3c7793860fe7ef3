//! What can be wrong with a request: the contract's section 3.

use std::borrow::Cow;
use std::fmt;

/// A fault of one member, query parameter or header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// A JSON pointer into the body, `?name`, or `#Name`.
    pub field: String,
    /// What kind of fault.
    pub code: FieldCode,
    /// For a person.
    pub message: Cow<'static, str>,
    /// Where in the text, for a body that is not JSON.
    pub place: Option<TextPlace>,
}

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextPlace {
    /// From 1.
    pub line: usize,
    /// From 1, in bytes.
    pub column: usize,
    /// Bytes from the start.
    pub offset: usize,
}

impl FieldFault {
    /// A fault of `field`.
    pub fn new(field: impl Into<String>, code: FieldCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), code, message: message.into(), place: None }
    }
}

macro_rules! codes {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$inner])* $variant,)* }

        impl $name {
            /// The code as programs read it.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.text())
            }
        }
    };
}

codes! {
    /// The kind of a [`FieldFault`].
    FieldCode {
        /// A required member is absent.
        Required = "required",
        /// Another JSON type is due.
        Type = "type",
        /// Not of the form the field has.
        Format = "format",
        /// Not one of the values allowed.
        Enum = "enum",
        /// Below the field's bound.
        Min = "min",
        /// Above the field's bound.
        Max = "max",
        /// Too long.
        Length = "length",
        /// A fraction where a whole number or minor units are due.
        NotInteger = "not_integer",
        /// More decimals than the currency has.
        Precision = "precision",
        /// Not representable, or outside the time allowed.
        OutOfRange = "out_of_range",
        /// No current currency with a minor unit.
        UnknownCurrency = "unknown_currency",
        /// No country.
        UnknownCountry = "unknown_country",
        /// A known member given twice.
        Duplicate = "duplicate",
        /// Refused in configuration.
        UnknownField = "unknown_field",
        /// A card number or what belongs to one.
        PanNotAllowed = "pan_not_allowed",
        /// Nested too deep.
        TooDeep = "too_deep",
        /// Not JSON.
        Json = "json",
        /// Members that exclude each other.
        Exclusive = "exclusive",
        /// Names something that is not there.
        Reference = "reference",
    }
}

codes! {
    /// The code of an error answer.
    ErrorCode {
        /// Missing, malformed or contradictory body, query or header.
        ValidationError = "VALIDATION_ERROR",
        /// No or bad credential.
        Unauthorized = "UNAUTHORIZED",
        /// Right type of key, missing permission.
        Forbidden = "FORBIDDEN",
        /// A checkout key where a server key is due.
        SecretKeyRequired = "SECRET_KEY_REQUIRED",
        /// A checkout key the organization or the key's origins do not allow.
        PublicKeyNotAllowed = "PUBLIC_KEY_NOT_ALLOWED",
        /// No such route or resource.
        NotFound = "NOT_FOUND",
        /// Wrong method.
        MethodNotAllowed = "METHOD_NOT_ALLOWED",
        /// Nothing offered fits what the caller takes.
        NotAcceptable = "NOT_ACCEPTABLE",
        /// Exists already.
        Duplicate = "DUPLICATE",
        /// The transition is not allowed.
        InvalidState = "INVALID_STATE",
        /// Same idempotency key, other request.
        IdempotencyConflict = "IDEMPOTENCY_CONFLICT",
        /// A stale version.
        VersionConflict = "VERSION_CONFLICT",
        /// The body is too large.
        PayloadTooLarge = "PAYLOAD_TOO_LARGE",
        /// Not JSON by its content type.
        UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE",
        /// The key has used up a limit of its own.
        RateLimitExceeded = "RATE_LIMIT_EXCEEDED",
        /// The address calls a public route too often.
        RateLimited = "RATE_LIMITED",
        /// Something failed here.
        InternalError = "INTERNAL_ERROR",
        /// No payment is decided while the operator works.
        AssessMaintenance = "ASSESS_MAINTENANCE",
        /// Overload, or nobody owns the partition.
        ServiceUnavailable = "SERVICE_UNAVAILABLE",
        /// The gateway has no current view of the keys.
        RateLimitStoreUnavailable = "RATE_LIMIT_STORE_UNAVAILABLE",
        /// No decision in time; it may still be made.
        AssessTimeout = "ASSESS_TIMEOUT",
        /// No answer in time.
        Timeout = "TIMEOUT",
    }
}

impl ErrorCode {
    /// The HTTP status the code goes with: the one table from kinds to statuses.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            ErrorCode::ValidationError => 400,
            ErrorCode::Unauthorized => 401,
            ErrorCode::Forbidden | ErrorCode::SecretKeyRequired | ErrorCode::PublicKeyNotAllowed => 403,
            ErrorCode::NotFound => 404,
            ErrorCode::MethodNotAllowed => 405,
            ErrorCode::NotAcceptable => 406,
            ErrorCode::Duplicate
            | ErrorCode::InvalidState
            | ErrorCode::IdempotencyConflict
            | ErrorCode::VersionConflict => 409,
            ErrorCode::PayloadTooLarge => 413,
            ErrorCode::UnsupportedMediaType => 415,
            ErrorCode::RateLimitExceeded | ErrorCode::RateLimited => 429,
            ErrorCode::InternalError => 500,
            ErrorCode::AssessMaintenance
            | ErrorCode::ServiceUnavailable
            | ErrorCode::RateLimitStoreUnavailable => 503,
            ErrorCode::AssessTimeout | ErrorCode::Timeout => 504,
        }
    }
}

/// What `details` of an error answer holds besides nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Details {
    /// Nothing.
    None,
    /// Faults of fields, all at once.
    Fields(Vec<FieldFault>),
    /// One text by name.
    Text(&'static str, String),
    /// One number by name.
    Number(&'static str, u64),
}

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What programs read.
    pub code: ErrorCode,
    /// For a person, in English.
    pub message: Cow<'static, str>,
    /// More for programs.
    pub details: Details,
}

impl Refusal {
    /// A refusal without details.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), details: Details::None }
    }

    /// A refusal for the faults of a request; at most [`crate::base::limits::FAULTS`] of them are told.
    #[must_use]
    pub fn invalid(mut faults: Vec<FieldFault>) -> Self {
        let message = match faults.len() {
            1 => "1 field is not valid".to_owned(),
            n if n >= crate::base::limits::FAULTS => {
                format!("{} or more fields are not valid", crate::base::limits::FAULTS)
            }
            n => format!("{n} fields are not valid"),
        };
        faults.truncate(crate::base::limits::FAULTS);
        Self { code: ErrorCode::ValidationError, message: message.into(), details: Details::Fields(faults) }
    }
}
