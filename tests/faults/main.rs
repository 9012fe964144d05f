//! What broken and hostile servers do, and what becomes of a call: a table of faults, and a module for each promise
//! that needs more than a row. The servers are raw sockets; see `raw_server`.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test binary")]

mod answers;
mod backends;
mod certificates;
#[path = "../support/observer.rs"]
mod events;
mod http2;
mod protocols;
#[path = "../support/raw_server.rs"]
mod raw_server;
mod retry;
mod rows_body;
mod rows_done;
mod rows_http;
mod server;
mod table;
mod timeouts;
#[path = "../support/tls.rs"]
mod tls;
mod tokens;
mod truncation;
#[path = "../support/waiting.rs"]
mod waiting;

use std::collections::HashSet;

use table::{MODES, PROTOCOLS, Row, run_all};

fn all_rows() -> Vec<Row> {
    [rows_http::rows(), rows_body::rows(), rows_done::rows()].concat()
}

#[test]
fn the_table_has_its_rows() {
    let rows = all_rows();
    let names: HashSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    println!("{} faults, each in {} modes over {} protocols", rows.len(), MODES.len(), PROTOCOLS.len());
    assert!(names.len() >= 60);
    assert!(names.len() >= rows.len() - 1, "rows share names");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_http() {
    run_all(rows_http::rows()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_bodies() {
    run_all(rows_body::rows()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_odd_form_of_done() {
    run_all(rows_done::rows()).await;
}
