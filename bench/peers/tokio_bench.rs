// SPDX-License-Identifier: Apache-2.0

// Tokio on the same work: its current_thread runtime without I/O, JoinHandles to cancel and join, Notify as the event.
// Usage: tokio_bench TASK ITEMS REPETITIONS; prints ns or bytes for each item, a line a repetition.

use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::task::{yield_now, JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

const HOUR: Duration = Duration::from_secs(3600);
const TASKS_OF_A_SESSION: usize = 11;

extern "C" {
    fn clock_gettime(clock: i32, time: *mut [i64; 2]) -> i32;
}

// Nanoseconds of processor time of this process.
fn cpu_ns() -> f64 {
    const CLOCK_PROCESS_CPUTIME_ID: i32 = 2;
    let mut time = [0i64; 2];
    unsafe { clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time[0] as f64 * 1e9 + time[1] as f64
}

fn resident_bytes() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4096.0
}

// Lets all that were spawned before run until they wait: the scheduler's queue is first in, first out.
async fn settle() {
    tokio::spawn(async {}).await.unwrap();
}

async fn yield_once(index: u64) -> u64 {
    yield_now().await;
    index
}

async fn gather(tasks: usize) -> f64 {
    let start = cpu_ns();
    let running: Vec<_> = (0..tasks as u64).map(|i| tokio::spawn(yield_once(i))).collect();
    let mut results = Vec::with_capacity(tasks);
    for task in running {
        results.push(task.await.unwrap());
    }
    let ns = cpu_ns() - start;
    assert_eq!(results[tasks - 1], tasks as u64 - 1);
    ns / tasks as f64
}

// Ten tasks at a time, each its own, as gather() above; the next one starts when one ends.
async fn gather10(tasks: usize) -> f64 {
    let start = cpu_ns();
    let mut results = vec![0; tasks];
    let mut running = JoinSet::new();
    for index in 0..tasks as u64 {
        if running.len() == 10 {
            let done: u64 = running.join_next().await.unwrap().unwrap();
            results[done as usize] = done;
        }
        running.spawn(yield_once(index));
    }
    while let Some(done) = running.join_next().await {
        let done = done.unwrap();
        results[done as usize] = done;
    }
    let ns = cpu_ns() - start;
    assert_eq!(results[tasks - 1], tasks as u64 - 1);
    ns / tasks as f64
}

async fn live_event(tasks: usize) -> f64 {
    let event = Arc::new(Notify::new());
    let before = resident_bytes();
    let running: Vec<_> = (0..tasks)
        .map(|_| {
            let event = event.clone();
            tokio::spawn(async move { event.notified().await })
        })
        .collect();
    settle().await;
    let bytes = resident_bytes() - before;
    running.iter().for_each(|task| task.abort());
    bytes / tasks as f64
}

async fn live_timer(tasks: usize) -> f64 {
    let before = resident_bytes();
    let running: Vec<_> = (0..tasks).map(|_| tokio::spawn(sleep(HOUR))).collect();
    settle().await;
    let bytes = resident_bytes() - before;
    running.iter().for_each(|task| task.abort());
    bytes / tasks as f64
}

async fn cancel_and_join(tasks: Vec<JoinHandle<()>>) {
    tasks.iter().for_each(|task| task.abort());
    for task in tasks {
        assert!(task.await.unwrap_err().is_cancelled());
    }
}

async fn drain(tasks: usize) -> f64 {
    let sleepers = (0..tasks).map(|_| tokio::spawn(sleep(HOUR))).collect();
    settle().await;
    let start = cpu_ns();
    cancel_and_join(sleepers).await;
    (cpu_ns() - start) / tasks as f64
}

async fn wake(tasks: usize) -> f64 {
    let event = Arc::new(Notify::new());
    let waiting: Vec<_> = (0..tasks)
        .map(|_| {
            let event = event.clone();
            tokio::spawn(async move { timeout(HOUR, event.notified()).await.is_ok() })
        })
        .collect();
    settle().await;
    let start = cpu_ns();
    event.notify_waiters();
    for task in waiting {
        assert!(task.await.unwrap());
    }
    (cpu_ns() - start) / tasks as f64
}

// Eleven tasks: the one that receives ends when the peer has gone; cancels and joins the rest. A JoinSet would see
// any of them end first, and takes a fifth longer.
async fn session(peer_gone: Arc<Notify>) {
    let receive = tokio::spawn(async move { peer_gone.notified().await });
    let others: Vec<_> = (1..TASKS_OF_A_SESSION).map(|_| tokio::spawn(sleep(HOUR))).collect();
    receive.await.unwrap();
    cancel_and_join(others).await;
}

// Bytes of a session, and ns for each of its tasks to be torn down.
async fn sessions(count: usize) -> (f64, f64) {
    let peer_gone = Arc::new(Notify::new());
    let before = resident_bytes();
    let running: Vec<_> = (0..count).map(|_| tokio::spawn(session(peer_gone.clone()))).collect();
    settle().await; // The sessions,
    settle().await; // and the tasks that they spawned.
    let bytes = resident_bytes() - before;
    let start = cpu_ns();
    peer_gone.notify_waiters();
    for task in running {
        task.await.unwrap();
    }
    let ns = cpu_ns() - start;
    (bytes / count as f64, ns / (count * TASKS_OF_A_SESSION) as f64)
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let items: usize = arguments[2].parse().unwrap();
    let repetitions: usize = arguments[3].parse().unwrap();
    let runtime: Runtime = Builder::new_current_thread().enable_time().build().unwrap();
    for _ in 0..repetitions {
        let per_item = match arguments[1].as_str() {
            "gather" => runtime.block_on(gather(items)),
            "gather10" => runtime.block_on(gather10(items)),
            "live_event" => runtime.block_on(live_event(items)),
            "live_timer" => runtime.block_on(live_timer(items)),
            "drain" => runtime.block_on(drain(items)),
            "wake" => runtime.block_on(wake(items)),
            "supervise" => runtime.block_on(sessions(items)).1,
            "session_bytes" => runtime.block_on(sessions(items)).0,
            task => panic!("no task {task}"),
        };
        println!("{per_item}");
    }
}
