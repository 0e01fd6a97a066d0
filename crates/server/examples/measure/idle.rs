//! What an idle session costs.

use crate::Result;
use crate::client::Client;
use crate::cluster::Clusters;

const SESSIONS: usize = 1000;

pub async fn measure(clusters: &Clusters) -> Result<()> {
    let cluster = clusters.start(1).await?;
    // The first one brings what all share.
    let mut clients = vec![Client::bind(cluster.nodes[0].c2s, SESSIONS).await?];
    let before = cluster.resident()?;
    for number in 0..SESSIONS {
        clients.push(Client::bind(cluster.nodes[0].c2s, number).await?);
    }
    let after = cluster.resident()?;
    let per_session = (after as f64 - before as f64) / SESSIONS as f64;
    println!("idle: {SESSIONS} sessions: {after} KiB resident, {before} before: {per_session:.1} KiB a session");
    cluster.end().await
}
