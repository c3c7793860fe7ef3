//! A heavy library enters through one folder only, and every library has a declared place.

use crate::paths::{local_names, paths};
use crate::source::{Breach, Source};

/// Where a library may be named in `src`.
struct Place {
    /// Paths in code: a crate, or a module of one.
    names: &'static [&'static str],
    /// Files and folders below `src`.
    folders: &'static [&'static str],
    /// Whether test code inside `src` may name it as well.
    tests: bool,
}

const fn only(names: &'static [&'static str], folders: &'static [&'static str]) -> Place {
    Place { names, folders, tests: false }
}

const PLACES: &[Place] = &[
    only(&["clap", "indicatif", "comfy_table", "csv"], &["cli"]),
    only(&["toml", "tokio::signal", "rlimit"], &["node"]),
    only(&["tokio_rustls"], &["gateway"]),
    only(&["axum", "tower"], &["gateway"]),
    only(&["rocksdb"], &["store/rocks"]),
    only(&["rdkafka"], &["log/kafka"]),
    only(&["mimalloc"], &["main.rs"]),
    only(&["arrow", "parquet", "datafusion"], &["rollup"]),
    only(&["object_store", "futures_util"], &["archive/object"]),
    only(&["itoa"], &["wire"]),
    only(&["saphyr", "saphyr_parser"], &["policy"]),
    only(&["metrics", "metrics_exporter_prometheus", "hdrhistogram", "tracing_subscriber"], &["telemetry"]),
    only(
        &[
            "blake3",
            "sha2",
            "hmac",
            "crc32fast",
            "foldhash",
            "hashbrown",
            "uuid",
            "idna",
            "jiff",
            "getrandom",
        ],
        &["base"],
    ),
    // The generator drives its own connections: the guarded client of `http` would pace an open loop.
    only(&["hyper", "hyper_util", "http", "http_body_util"], &["gateway", "http", "load"]),
    only(
        &["tokio"],
        &["rollup", "dispatch", "gateway", "node", "load", "http", "cli", "archive/object", "main.rs"],
    ),
    // Log lines begin where side effects do: on floor 5.
    only(
        &["tracing"],
        &[
            "telemetry",
            "log",
            "store",
            "archive",
            "http",
            "worker",
            "rollup",
            "dispatch",
            "gateway",
            "load",
            "sim",
            "node",
            "cli",
        ],
    ),
    // Seeded generators: the random source behind the clock's door, scenarios, simulated faults.
    Place { names: &["rand", "rand_chacha", "rand_distr"], folders: &["base", "load", "sim"], tests: true },
    Place { names: &["serde_json"], folders: JSON, tests: true },
];

/// `wire` owns every external shape. The others read or print JSON that has no shape of ours.
const JSON: &[&str] = &[
    "wire",    // Catalogs, health and error details that no record ever carries.
    "gateway", // `--json` output and files given by hand.
    "cli",     // Answers of the server under load.
    "load",    // Result rows of SQL, whose columns are known at run time only.
    "rollup",  // Requests as strangers write them, answers as strangers read them.
    "sim",
];

/// Libraries that are plain words of the language here: no folder owns them.
const EVERYWHERE: &[&str] = &["serde", "bytes"];

/// Every use of a library outside its folder.
pub(crate) fn strays(source: &Source) -> Vec<Breach> {
    let Some(inside) = source.path.strip_prefix("src/") else { return vec![] };
    let paths = paths(source);
    let local = local_names(source, &paths);
    let mut found = Vec::new();
    for path in paths.iter().filter(|path| !local.iter().any(|name| name == path.first())) {
        for place in PLACES {
            let Some(name) = place.names.iter().find(|name| names(name, &path.segments)) else { continue };
            let allowed = place.folders.iter().any(|folder| crate::source::covers(folder, inside));
            if !(allowed || place.tests && source.is_test(path.token)) {
                let folders = place.folders.join(", ");
                found.push(
                    source.breach(path.line, format!("`{}`: {name} belongs to {folders}", path.text())),
                );
            }
        }
    }
    found
}

fn names(name: &str, segments: &[String]) -> bool {
    name.split("::")
        .zip(segments.iter().map(Some).chain(std::iter::repeat(None)))
        .all(|(a, b)| b.is_some_and(|b| a == b))
}

/// Every dependency of the manifest that has no place in the table above. Tests may depend on what they like.
pub(crate) fn homeless(manifest: &str) -> Vec<Breach> {
    let mut listing = false;
    let mut found = Vec::new();
    for (number, line) in manifest.lines().enumerate() {
        let mut add = |what| found.push(Breach { path: "Cargo.toml".to_owned(), line: number + 1, what });
        if line.starts_with('[') {
            let shipped = line.contains("dependencies") && !line.contains("dev-dependencies");
            listing = shipped && line.ends_with("dependencies]");
            if shipped && !listing {
                add(format!("`{line}`: write a dependency on one line of its section"));
            }
        }
        let Some((name, _)) = line.split_once('=').filter(|_| listing && !line.starts_with('#')) else {
            continue;
        };
        let name = name.split('.').next().unwrap_or_default().trim().replace('-', "_");
        let placed = PLACES.iter().any(|place| place.names.contains(&&*name)) || EVERYWHERE.contains(&&*name);
        if !placed {
            add(format!("`{name}` has no place: give it a folder in tests/tidy/libraries.rs"));
        }
    }
    found
}

fn found(path: &str, text: &str) -> Vec<String> {
    strays(&Source::new(path, text)).into_iter().map(|breach| breach.what).collect()
}

#[test]
fn a_library_is_welcome_in_its_folder() {
    assert_eq!(found("src/store/rocks/mod.rs", "use rocksdb::{DB, Options};"), [""; 0]);
    assert_eq!(found("src/node/stop.rs", "use tokio::{net::TcpListener, signal};"), [""; 0]);
    assert_eq!(found("src/main.rs", "#[tokio::main] async fn main() {}"), [""; 0]);
    assert_eq!(found("src/state/x.rs", "#[cfg(test)] mod tests { use serde_json::json; }"), [""; 0]);
}

#[test]
fn elsewhere_it_is_not() {
    let expected = ["`rocksdb::DB`: rocksdb belongs to store/rocks"];
    assert_eq!(found("src/store/memory.rs", "use rocksdb::{DB};"), expected);
    assert_eq!(found("src/gateway/x.rs", "use tokio::{net::TcpListener, signal};").len(), 1);
    assert_eq!(found("src/worker/x.rs", "fn f() { tokio::spawn(g()); }").len(), 1);
    assert_eq!(found("src/state/x.rs", "fn f() { tracing::info!(\"x\"); }").len(), 1);
    assert_eq!(found("src/worker/x.rs", "use ::metrics::counter;").len(), 1);
    assert_eq!(found("src/shard/x.rs", "use serde_json as json;").len(), 1);
    assert_eq!(found("src/log/x.rs", "#[derive(clap::Parser)] struct A;").len(), 1);
}

#[test]
fn a_module_of_ours_may_share_a_name() {
    assert_eq!(
        found("src/worker/x.rs", "use crate::telemetry::metrics; fn f() { metrics::count(); }"),
        [""; 0]
    );
    assert_eq!(found("src/cli/mod.rs", "mod metrics; use metrics::show;"), [""; 0]);
}

#[test]
fn a_dependency_without_a_place_is_refused() {
    let manifest = "[dependencies]\nserde = \"1\"\nsha-three = { version = \"1\" }\n# x = 1\n[lints]\nx = 1\n\
                    [target.'cfg(unix)'.dependencies]\nx.version = \"1\"\n[dependencies.y]\n[dev-dependencies]\nx = 1\n";
    assert_eq!(homeless(manifest).into_iter().map(|breach| breach.line).collect::<Vec<_>>(), [3, 8, 9]);
}
