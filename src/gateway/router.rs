//! Every route on one screen.

use crate::domain::fault::{ErrorCode, Refusal};
use crate::gateway::{Gate, answer, assess, exposition, health};
use crate::telemetry::label::Route;
use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use std::sync::Arc;

const ASSESS: &str = "/api/v1/assess";
const HEALTH: &str = "/api/v1/health";
const LIVEZ: &str = "/health/livez";
const READYZ: &str = "/health/readyz";
const METRICS: &str = "/metrics";

pub(super) fn router(gate: Arc<Gate>) -> Router {
    Router::new()
        .route(ASSESS, post(assess::post).options(assess::preflight))
        .route(HEALTH, get(health::health))
        .route(LIVEZ, get(health::livez))
        .route(READYZ, get(health::readyz))
        .route(METRICS, get(exposition::metrics))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(gate)
}

/// The label of a path.
pub(super) fn label(path: &str) -> Route {
    match path {
        ASSESS => Route::Assess,
        HEALTH => Route::Health,
        LIVEZ => Route::Livez,
        READYZ => Route::Readyz,
        METRICS => Route::Metrics,
        _ => Route::Other,
    }
}

async fn not_found() -> Response {
    answer::refuse(&Refusal::new(ErrorCode::NotFound, "no such route"))
}

/// The router adds `Allow`.
async fn method_not_allowed() -> Response {
    answer::refuse(&Refusal::new(ErrorCode::MethodNotAllowed, "the route does not take this method"))
}
