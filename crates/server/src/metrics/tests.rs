use std::time::Duration;

use conclave_raft::LogStats;
use expect_test::expect;

use super::*;

/// The lines of a metric, by the beginning of their names.
fn lines(metrics: &Metrics, beginning: &str) -> String {
    metrics
        .text()
        .lines()
        .filter(|line| {
            line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ").trim_start_matches("# UNIT ").starts_with(beginning)
        })
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn every_metric_has_a_name_a_type_and_a_help() {
    let metrics = Metrics::new();
    metrics.register_shards(Box::new(Vec::new));
    metrics.register_log(Box::new(LogStats::default));
    let text = metrics.text();
    let said: String = text.lines().filter(|line| line.starts_with("# ")).map(|line| format!("{line}\n")).collect();
    expect![[r#"
        # HELP conclave_build The version of the program.
        # TYPE conclave_build info
        # HELP conclave_sessions Bound sessions with their connection at this node.
        # TYPE conclave_sessions gauge
        # HELP conclave_rooms Rooms whose home is this node.
        # TYPE conclave_rooms gauge
        # HELP conclave_occupants Occupants of the rooms whose home is this node, detached ones among them.
        # TYPE conclave_occupants gauge
        # HELP conclave_frames_sent Frames to other nodes.
        # TYPE conclave_frames_sent counter
        # HELP conclave_frames_received Frames from other nodes.
        # TYPE conclave_frames_received counter
        # HELP conclave_stanzas_in Stanzas from the clients of this node.
        # TYPE conclave_stanzas_in counter
        # HELP conclave_deliveries Stanzas put into the queues of sessions of this node.
        # TYPE conclave_deliveries counter
        # HELP conclave_commits Entries that this node proposed and that were committed.
        # TYPE conclave_commits counter
        # HELP conclave_frame_sent_bytes Bytes of the frames to other nodes.
        # TYPE conclave_frame_sent_bytes counter
        # UNIT conclave_frame_sent_bytes bytes
        # HELP conclave_frame_received_bytes Bytes of the frames from other nodes.
        # TYPE conclave_frame_received_bytes counter
        # UNIT conclave_frame_received_bytes bytes
        # HELP conclave_commit_seconds From proposing an entry to having applied it, at its home.
        # TYPE conclave_commit_seconds histogram
        # UNIT conclave_commit_seconds seconds
        # HELP conclave_delivery_seconds From the time of an entry, by its home's clock, to its stanzas being in the queues of this node's sessions.
        # TYPE conclave_delivery_seconds histogram
        # UNIT conclave_delivery_seconds seconds
        # HELP conclave_shard_leader The node that leads the shard; 0 for none that is known of.
        # TYPE conclave_shard_leader gauge
        # HELP conclave_shard_home 1 where this node is the shard's home, else 0.
        # TYPE conclave_shard_home gauge
        # HELP conclave_shard_epoch Index of the entry with which the shard's home began to serve.
        # TYPE conclave_shard_epoch gauge
        # HELP conclave_shard_applied_index Index of the last entry applied here.
        # TYPE conclave_shard_applied_index gauge
        # HELP conclave_shard_committed_index Index of the last entry that is known here to be on a majority.
        # TYPE conclave_shard_committed_index gauge
        # HELP conclave_shard_rooms Rooms of the shard's replica here.
        # TYPE conclave_shard_rooms gauge
        # HELP conclave_shard_occupants Occupants of the shard's replica here, detached ones among them.
        # TYPE conclave_shard_occupants gauge
        # HELP conclave_log_disk_bytes Size of all segments of the log.
        # TYPE conclave_log_disk_bytes gauge
        # UNIT conclave_log_disk_bytes bytes
        # HELP conclave_log_segments Files of the log.
        # TYPE conclave_log_segments gauge
        # HELP conclave_log_memory_bytes Size of the entries that are in memory.
        # TYPE conclave_log_memory_bytes gauge
        # UNIT conclave_log_memory_bytes bytes
        # HELP conclave_log_queue_bytes Size of what waits for the log's writer.
        # TYPE conclave_log_queue_bytes gauge
        # UNIT conclave_log_queue_bytes bytes
        # HELP conclave_log_syncs Batches of the log that were synced to disk.
        # TYPE conclave_log_syncs counter
        # HELP conclave_log_frames Frames written to the log.
        # TYPE conclave_log_frames counter
        # HELP conclave_log_entries Entries written to the log.
        # TYPE conclave_log_entries counter
        # EOF
    "#]].assert_eq(&said);
}

#[test]
fn what_was_counted_is_said() {
    let metrics = Metrics::new();
    metrics.sessions.inc();
    metrics.sessions.inc();
    metrics.sessions.dec();
    metrics.frames_sent.inc();
    metrics.frame_bytes_sent.inc_by(300);
    let said =
        lines(&metrics, "conclave_sessions") + &lines(&metrics, "conclave_frame_sent") + &lines(&metrics, "conclave_frames_sent");
    expect![[r#"
        # HELP conclave_sessions Bound sessions with their connection at this node.
        # TYPE conclave_sessions gauge
        conclave_sessions 1
        # HELP conclave_frame_sent_bytes Bytes of the frames to other nodes.
        # TYPE conclave_frame_sent_bytes counter
        # UNIT conclave_frame_sent_bytes bytes
        conclave_frame_sent_bytes_total 300
        # HELP conclave_frames_sent Frames to other nodes.
        # TYPE conclave_frames_sent counter
        conclave_frames_sent_total 1
    "#]]
    .assert_eq(&said);
}

#[test]
fn durations_are_counted_up_to_and_with_their_bound() {
    let metrics = Metrics::new();
    for micros in [0, 250, 251, 1_000_000, 10_000_000, 10_000_001, 90_000_000] {
        metrics.commit_seconds.observe(Duration::from_micros(micros));
    }
    expect![[r##"
        # HELP conclave_commit_seconds From proposing an entry to having applied it, at its home.
        # TYPE conclave_commit_seconds histogram
        # UNIT conclave_commit_seconds seconds
        conclave_commit_seconds_sum 111.000502
        conclave_commit_seconds_count 7
        conclave_commit_seconds_bucket{le="0.00025"} 2
        conclave_commit_seconds_bucket{le="0.0005"} 3
        conclave_commit_seconds_bucket{le="0.001"} 3
        conclave_commit_seconds_bucket{le="0.002"} 3
        conclave_commit_seconds_bucket{le="0.004"} 3
        conclave_commit_seconds_bucket{le="0.008"} 3
        conclave_commit_seconds_bucket{le="0.015"} 3
        conclave_commit_seconds_bucket{le="0.03"} 3
        conclave_commit_seconds_bucket{le="0.06"} 3
        conclave_commit_seconds_bucket{le="0.12"} 3
        conclave_commit_seconds_bucket{le="0.25"} 3
        conclave_commit_seconds_bucket{le="0.5"} 3
        conclave_commit_seconds_bucket{le="1.0"} 4
        conclave_commit_seconds_bucket{le="2.0"} 4
        conclave_commit_seconds_bucket{le="5.0"} 4
        conclave_commit_seconds_bucket{le="10.0"} 5
        conclave_commit_seconds_bucket{le="+Inf"} 7
    "##]]
    .assert_eq(&lines(&metrics, "conclave_commit_seconds"));
}

#[test]
fn shards_and_log_are_asked_at_every_reading() {
    let metrics = Metrics::new();
    let shard = ShardFigures {
        shard: Some(3),
        leader: Some(2),
        is_home: true,
        epoch: Some(7),
        applied: Some(90),
        committed: Some(91),
        rooms: 4,
        occupants: 12,
    };
    let index = std::sync::atomic::AtomicU64::new(90);
    metrics.register_shards(Box::new(move || {
        let applied = Some(index.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        vec![ShardFigures { applied, ..shard }, ShardFigures { shard: Some(4), ..ShardFigures::default() }]
    }));
    assert!(lines(&metrics, "conclave_shard_applied_index").contains("conclave_shard_applied_index{shard=\"3\"} 90\n"));
    expect![[r##"
        # HELP conclave_shard_leader The node that leads the shard; 0 for none that is known of.
        # TYPE conclave_shard_leader gauge
        conclave_shard_leader{shard="3"} 2
        conclave_shard_leader{shard="4"} 0
        # HELP conclave_shard_home 1 where this node is the shard's home, else 0.
        # TYPE conclave_shard_home gauge
        conclave_shard_home{shard="3"} 1
        conclave_shard_home{shard="4"} 0
        # HELP conclave_shard_epoch Index of the entry with which the shard's home began to serve.
        # TYPE conclave_shard_epoch gauge
        conclave_shard_epoch{shard="3"} 7
        # HELP conclave_shard_applied_index Index of the last entry applied here.
        # TYPE conclave_shard_applied_index gauge
        conclave_shard_applied_index{shard="3"} 91
        # HELP conclave_shard_committed_index Index of the last entry that is known here to be on a majority.
        # TYPE conclave_shard_committed_index gauge
        conclave_shard_committed_index{shard="3"} 91
        # HELP conclave_shard_rooms Rooms of the shard's replica here.
        # TYPE conclave_shard_rooms gauge
        conclave_shard_rooms{shard="3"} 4
        conclave_shard_rooms{shard="4"} 0
        # HELP conclave_shard_occupants Occupants of the shard's replica here, detached ones among them.
        # TYPE conclave_shard_occupants gauge
        conclave_shard_occupants{shard="3"} 12
        conclave_shard_occupants{shard="4"} 0
    "##]]
    .assert_eq(&lines(&metrics, "conclave_shard_"));
    metrics.register_log(Box::new(|| LogStats { disk_bytes: 4096, syncs: 17, ..LogStats::default() }));
    expect![[r#"
        # HELP conclave_log_disk_bytes Size of all segments of the log.
        # TYPE conclave_log_disk_bytes gauge
        # UNIT conclave_log_disk_bytes bytes
        conclave_log_disk_bytes 4096
        # HELP conclave_log_segments Files of the log.
        # TYPE conclave_log_segments gauge
        conclave_log_segments 0
        # HELP conclave_log_memory_bytes Size of the entries that are in memory.
        # TYPE conclave_log_memory_bytes gauge
        # UNIT conclave_log_memory_bytes bytes
        conclave_log_memory_bytes 0
        # HELP conclave_log_queue_bytes Size of what waits for the log's writer.
        # TYPE conclave_log_queue_bytes gauge
        # UNIT conclave_log_queue_bytes bytes
        conclave_log_queue_bytes 0
        # HELP conclave_log_syncs Batches of the log that were synced to disk.
        # TYPE conclave_log_syncs counter
        conclave_log_syncs_total 17
        # HELP conclave_log_frames Frames written to the log.
        # TYPE conclave_log_frames counter
        conclave_log_frames_total 0
        # HELP conclave_log_entries Entries written to the log.
        # TYPE conclave_log_entries counter
        conclave_log_entries_total 0
    "#]]
    .assert_eq(&lines(&metrics, "conclave_log_"));
}
