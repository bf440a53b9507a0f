//! The peer beside Ringtail: NDJSON events from standard input to one S2 stream, as a careful program on the official SDK
//! would do it. Each line is parsed, wrapped into Ringtail's envelope and submitted to the SDK's producer; the tickets are
//! awaited in order by a task of its own. Everything runs on one thread (tokio reads standard input on a second one).
//!
//!     S2_ACCOUNT_ENDPOINT=… S2_BASIN_ENDPOINT=… writer s2://BASIN/STREAM [--records N] [--linger-ms N] [--insecure]
//!
//! At the end one JSON line on standard output: counts, CPU, memory, and the time from submit to ack.

use std::error::Error;
use std::time::{Duration, Instant};

use s2_sdk::S2;
use s2_sdk::batching::{BatchLimits, BatchingConfig};
use s2_sdk::producer::{ProducerConfig, RecordSubmitTicket};
use s2_sdk::types::{AppendRecord, S2Config, S2Endpoints};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::mpsc;

const READ_BYTES: usize = 256 * 1024;
const ENVELOPE_OVERHEAD_BYTES: usize = 96;

/// What Ringtail knows of an event; anything else is refused, values that are only passed on are checked and not kept.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Event<'a> {
    ts: u64,
    #[serde(borrow)]
    r#type: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    category: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow)]
    source: &'a RawValue,
    #[serde(borrow)]
    detail_level: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow)]
    url: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    truncated: Option<bool>,
}

struct Flags {
    basin: String,
    stream: String,
    records: Option<usize>,
    linger: Option<Duration>,
    insecure: bool,
}

fn flags() -> Result<Flags, Box<dyn Error>> {
    let mut found =
        Flags { basin: String::new(), stream: String::new(), records: None, linger: None, insecure: false };
    let mut rest = std::env::args().skip(1);
    while let Some(flag) = rest.next() {
        let mut value = || rest.next().ok_or(format!("{flag} needs a value"));
        match flag.as_str() {
            "--records" => found.records = Some(value()?.parse()?),
            "--linger-ms" => found.linger = Some(Duration::from_millis(value()?.parse()?)),
            "--insecure" => found.insecure = true,
            uri => {
                let place = uri.strip_prefix("s2://").and_then(|rest| rest.split_once('/'));
                let (basin, stream) = place.ok_or(format!("not a flag and not s2://BASIN/STREAM: {uri}"))?;
                (found.basin, found.stream) = (basin.into(), stream.into());
            }
        }
    }
    if found.stream.is_empty() { Err("no s2://BASIN/STREAM".into()) } else { Ok(found) }
}

/// The envelope's line and the record's timestamp. The event goes in as it came.
fn envelope(line: &[u8], session: &str, seq: u64) -> Result<AppendRecord, Box<dyn Error>> {
    let event: Event = serde_json::from_slice(line)?;
    let mut body = Vec::with_capacity(line.len() + ENVELOPE_OVERHEAD_BYTES);
    use std::io::Write;
    write!(body, "{{\"capture_session_id\":\"{session}\",\"seq\":{seq},\"event\":")?;
    body.extend_from_slice(line);
    body.push(b'}');
    Ok(AppendRecord::new(body)?.with_timestamp(event.ts / 1000))
}

/// Awaits tickets in order; the times from submit to ack in microseconds.
async fn await_acks(
    mut tickets: mpsc::UnboundedReceiver<(Instant, RecordSubmitTicket)>,
) -> Result<Vec<u32>, String> {
    let mut latencies = Vec::new();
    while let Some((submitted, ticket)) = tickets.recv().await {
        ticket.await.map_err(|error| error.to_string())?;
        latencies.push(submitted.elapsed().as_micros().try_into().unwrap_or(u32::MAX));
    }
    Ok(latencies)
}

fn report(mut latencies: Vec<u32>, bytes: u64, elapsed: Duration) -> Result<(), Box<dyn Error>> {
    latencies.sort_unstable();
    let at = |share: f64| latencies.get((latencies.len() as f64 * share) as usize).copied().unwrap_or(0);
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    if unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) } != 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse()?;
    println!(
        "{{\"acked\":{},\"bytes\":{bytes},\"seconds\":{:.3},\"user_s\":{:.3},\"system_s\":{:.3},\"rss_peak_kib\":{peak},\
         \"ack_us\":{{\"p50\":{},\"p90\":{},\"p99\":{},\"max\":{}}}}}",
        latencies.len(),
        elapsed.as_secs_f64(),
        seconds(usage.ru_utime),
        seconds(usage.ru_stime),
        at(0.5),
        at(0.9),
        at(0.99),
        latencies.last().copied().unwrap_or(0)
    );
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let flags = flags()?;
    let config = S2Config::new(std::env::var("S2_ACCESS_TOKEN")?)
        .with_endpoints(S2Endpoints::from_env()?)
        .with_insecure_skip_cert_verification(flags.insecure);
    let stream = S2::new(config)?.basin(flags.basin.parse()?).stream(flags.stream.parse()?);
    let mut batching = BatchingConfig::new();
    if let Some(records) = flags.records {
        batching = batching.with_limits(BatchLimits::new().with_max_batch_records(records)?);
    }
    if let Some(linger) = flags.linger {
        batching = batching.with_linger(linger);
    }
    let producer = stream.producer(ProducerConfig::new().with_batching(batching));
    let (tickets, acks) = mpsc::unbounded_channel();
    let acks = tokio::spawn(await_acks(acks));

    let session = uuid::Uuid::new_v4().to_string();
    let started = Instant::now();
    let (mut seq, mut bytes) = (0, 0);
    let mut input = BufReader::with_capacity(READ_BYTES, tokio::io::stdin());
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line).await? > 0 {
        seq += 1;
        let record = envelope(line.trim_ascii_end(), &session, seq)?;
        bytes += record.body().len() as u64;
        let submitted = Instant::now();
        let ticket = producer.submit(record).await?;
        if tickets.send((submitted, ticket)).is_err() {
            break; // an append failed; close() says how
        }
        line.clear();
    }
    drop(tickets);
    producer.close().await?;
    let latencies = acks.await??;
    report(latencies, bytes, started.elapsed())
}
