//! A test by name, and how all of them are run.

use std::{
    cell::RefCell,
    fmt::Write as _,
    panic::AssertUnwindSafe,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{FutureExt as _, future::LocalBoxFuture};
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

use super::{Bed, evidence, suite::Suite, tools};

/// No test may take longer.
const LIMIT: Duration = Duration::from_mins(10);

/// Used unless `--test-threads` says otherwise: tests wait more than they work.
const THREADS: usize = 4;

type Body = Box<dyn FnOnce(Bed) -> LocalBoxFuture<'static, anyhow::Result<()>> + Send>;

/// A test.
pub struct Case {
    name: &'static str,
    needs_host: bool,
    body: Body,
}

thread_local! {
    /// Where the last panic of this thread happened.
    static PANICKED: RefCell<String> = const { RefCell::new(String::new()) };
}

// === impl Case ===

impl Case {
    /// A test called `module::what_holds`.
    pub fn new<B, F>(name: &'static str, body: B) -> Self
    where
        B: FnOnce(Bed) -> F + Send + 'static,
        F: Future<Output = anyhow::Result<()>> + 'static,
    {
        Self {
            name,
            needs_host: false,
            body: Box::new(move |bed| body(bed).boxed_local()),
        }
    }

    /// It needs the processes or files of the local cluster: with `CLUSTER=current` it is skipped.
    #[must_use]
    pub fn needs_host(mut self) -> Self {
        self.needs_host = true;
        self
    }

    fn is_serial(&self) -> bool {
        self.name.starts_with("serial::")
    }
}

/// Runs what the command line asks for; the closing lines are libtest's own.
pub fn run(cases: Vec<Case>) -> ExitCode {
    let mut args = Arguments::from_args();
    let threads = args.test_threads.unwrap_or(THREADS);
    let runtime = Arc::new(Runtime::new().expect("no runtime"));
    std::panic::set_hook(Box::new(|panic| {
        PANICKED.set(panic.to_string());
    }));
    let suite = (!args.list).then(|| {
        Arc::new(
            runtime
                .block_on(Suite::start())
                .unwrap_or_else(|error| stop(&error)),
        )
    });
    for case in &cases {
        if case.needs_host && !tools::is_local() {
            println!("skipped, needs the local cluster: {}", case.name);
        }
    }
    let times = Arc::new(Mutex::new(Vec::new()));
    let (serial, parallel): (Vec<Case>, Vec<Case>) = cases.into_iter().partition(Case::is_serial);
    let trials = |cases: Vec<Case>| -> Vec<Trial> {
        cases
            .into_iter()
            .map(|case| trial(case, &runtime, suite.as_ref(), &times))
            .collect()
    };
    let (parallel, serial) = (trials(parallel), trials(serial));
    args.test_threads = Some(threads);
    let first = libtest_mimic::run(&args, parallel);
    args.test_threads = Some(1);
    let second = libtest_mimic::run(&args, serial);
    if let Some(suite) = suite {
        runtime.block_on(suite.finish());
        print_times(&times);
    }
    if first.has_failed() || second.has_failed() {
        ExitCode::from(101)
    } else {
        ExitCode::SUCCESS
    }
}

fn stop(error: &anyhow::Error) -> ! {
    println!("the tests cannot start: {error:#}");
    std::process::exit(101)
}

type Times = Arc<Mutex<Vec<(Duration, &'static str)>>>;

fn trial(case: Case, runtime: &Arc<Runtime>, suite: Option<&Arc<Suite>>, times: &Times) -> Trial {
    let skipped = case.needs_host && !tools::is_local();
    let (runtime, suite, times) = (runtime.clone(), suite.cloned(), times.clone());
    let name = case.name;
    Trial::test(name, move || {
        let suite = suite.ok_or("the suite was not started")?;
        let _turn = Suite::turn(case.is_serial())?;
        let started = Instant::now();
        let result = runtime.block_on(in_namespace(&suite, case));
        times
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((started.elapsed(), name));
        result
    })
    .with_ignored_flag(skipped)
}

async fn in_namespace(suite: &Suite, case: Case) -> Result<(), Failed> {
    let bed = Bed::new(suite.client(), &suite.namespace(case.name))
        .await
        .map_err(|error| Failed::from(format!("{error:#}")))?;
    let body = AssertUnwindSafe((case.body)(bed.clone())).catch_unwind();
    let failure = match tokio::time::timeout(LIMIT, body).await {
        Ok(Ok(Ok(()))) => None,
        Ok(Ok(Err(error))) => Some(format!("{error:#}")),
        Ok(Err(_)) => Some(PANICKED.take()),
        Err(_) => Some(format!("not done after {} s", LIMIT.as_secs())),
    };
    evidence::listen(&bed).await;
    let report = match &failure {
        Some(failure) => Some(format!("{failure}\n{}", circumstances(&bed).await)),
        None => None,
    };
    if failure.is_none() || std::env::var_os("E2E_KEEP").is_none() {
        suite.abandon(&bed).await;
    } else {
        suite.keep(&bed).await;
    }
    report.map_or(Ok(()), |report| Err(report.into()))
}

/// What a person would look at first.
async fn circumstances(bed: &Bed) -> String {
    let mut text = String::new();
    let looks: [&[&str]; 6] = [
        &["get", "zoomintegrations", "-o", "yaml"],
        &["get", "zoomconnections", "-o", "yaml"],
        &["get", "all", "-o", "wide"],
        &["get", "events", "--sort-by=.metadata.creationTimestamp"],
        &[
            "logs",
            "--selector=app.kubernetes.io/name=zoom-operator",
            "--prefix",
            "--tail=100",
        ],
        &[
            "logs",
            "--selector=app.kubernetes.io/name=zoom-receiver",
            "--prefix",
            "--tail=30",
        ],
    ];
    for look in looks {
        let said = bed.kubectl(look).await;
        let said = said.map_or_else(|error| error.to_string(), |said| said.stdout + &said.stderr);
        let _ = write!(
            text,
            "\n--- kubectl -n {} {}\n{said}",
            bed.namespace(),
            look.join(" ")
        );
    }
    text
}

fn print_times(times: &Times) {
    let mut times = times.lock().unwrap_or_else(PoisonError::into_inner).clone();
    times.sort_unstable_by(|a, b| b.cmp(a));
    let lines: Vec<String> = times
        .iter()
        .map(|(time, name)| format!("{:.1} {name}", time.as_secs_f32()))
        .collect();
    let file = tools::repository().join("target/e2e-times.txt");
    if let Err(error) = std::fs::write(&file, lines.join("\n") + "\n") {
        println!("{}: {error}", file.display());
    }
    println!("slowest end-to-end tests, in seconds:");
    for line in lines.iter().take(10) {
        println!("  {line}");
    }
}
