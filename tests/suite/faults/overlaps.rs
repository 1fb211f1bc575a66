//! A client whose connection breaks repeats its request while the first one still runs. Both must succeed, because the
//! client hears of one of them only.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use tests::world::World;
use tokio::task::JoinSet;

use super::cases::TURNS;
use super::client::Wish;
use super::invariants::Violation;
use super::scenarios;
use super::selection::{Selection, hash};

/// How many moments of each request a sample has.
const IN_A_SAMPLE: usize = 2;

/// Runs `first` until it has been answered so many calls, then `second` to its end, then the rest of `first`.
async fn interrupted<T>(world: &World, calls: usize, first: impl Future<Output = T>, second: impl Future<Output = T>) {
    let before = world.aws().calls().len();
    let mut first = pin!(first);
    let is_done = poll_fn(|context| match world.aws().calls().len() - before {
        made if made >= calls => Poll::Ready(false),
        _ => first.as_mut().poll(context).map(|_| true),
    });
    let is_done = is_done.await;
    second.await;
    if !is_done {
        first.await;
    }
}

/// Returns what breaks if the request of a scenario comes again after so many calls of the first one.
async fn overlap(name: &'static str, wish: Wish, status: &'static [u16], calls: usize) -> Vec<Violation> {
    let mut stage = scenarios::named(name).staged().await;
    let (mut first, mut second) = (stage.clients.remove(0), None);
    let mut repeat = first.clone();
    interrupted(
        &stage.world,
        calls,
        async {
            if first.asks(&stage.world, wish, status).await.is_none() {
                first.complain("I8", format!("the first {wish:?} is not answered"));
            }
        },
        async {
            if repeat.asks(&stage.world, wish, status).await.is_none() {
                repeat.complain("I8", format!("the repeated {wish:?} is not answered"));
            }
            second = Some(repeat);
        },
    )
    .await;
    let mut second = second.expect("it ran");
    second.violations.append(&mut first.violations);
    stage.clients.insert(0, second);
    stage.violations().await
}

/// Returns after how many calls of the first request the repeat comes: in a sample, the seed
/// chooses two of them.
fn chosen(name: &str, calls: usize) -> Vec<usize> {
    let mut numbers: Vec<_> = (1..=calls).collect();
    match Selection::of_this_run() {
        Selection::Sample { seed } => {
            numbers.sort_by_key(|number| hash((seed, name, number)));
            numbers.truncate(IN_A_SAMPLE);
        }
        Selection::All { part, parts } => numbers = numbers.into_iter().skip(part).step_by(parts).collect(),
        named @ Selection::Named(_) => numbers.retain(|_| named.takes(name)),
    }
    numbers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_while_the_first_request_still_runs_succeeds_and_so_does_the_first() {
    // TKT-06, ACC-02, ACC-05, ACC-06, ACC-08
    const OK: &[u16] = &[200];
    let repeated = [
        ("verify", Wish::Verify, OK),
        ("reset-by-code", Wish::ResetByCode, OK),
        ("reset-by-link", Wish::ResetByLink, OK),
        ("password-change", Wish::ChangePassword, OK),
        ("email-confirm", Wish::ConfirmEmail, OK),
        ("delete", Wish::Delete, &[202]),
    ];
    let mut overlaps = JoinSet::new();
    for (name, wish, status) in repeated {
        let calls = scenarios::named(name).calls().await;
        for calls in chosen(name, calls) {
            overlaps.spawn(async move {
                let _turn = TURNS.acquire().await;
                (name, calls, overlap(name, wish, status, calls).await)
            });
        }
    }
    let mut broken: Vec<_> =
        overlaps.join_all().await.into_iter().filter(|(_, _, broken)| !broken.is_empty()).collect();
    broken.sort_by_key(|(name, calls, _)| (*name, *calls));
    assert!(broken.is_empty(), "{broken:#?}");
}
