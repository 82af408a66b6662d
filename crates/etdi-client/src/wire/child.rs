//! The process of a stdio server: in a session of its own, so that it has no terminal.
//!
//! Whoever approves a server's tools does it at a terminal. A process that shares it can write over
//! the question and read the answer (`/dev/tty`); one in another session cannot open it (setsid,
//! POSIX.1-2024). The signals that a terminal sends do not reach it there either, so this process
//! has to end it.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};

/// How long a server may take to exit once its input is closed.
const EXIT_GRACE: Duration = Duration::from_secs(3);

/// The processes that were started and that nobody has seen to exit.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Kills every stdio server that this process has started and that still runs, with the processes
/// that it has started in its turn.
///
/// For a host that is about to end without dropping its connections: by [`std::process::exit`], or
/// on a signal. A server that is not killed then is told by the end of its input only, and may not
/// care. Connections that are dropped do the same for their server.
///
/// On Windows this does nothing: there the processes are left to the end of their input.
pub fn kill_stdio_servers() {
    for &id in running().iter() {
        kill_group(id);
    }
}

/// A child process with pipes. It is killed when this is dropped, with what it has started, unless
/// it was seen to exit.
#[derive(Debug)]
pub(super) struct Child {
    process: Box<dyn ChildWrapper>,
    id: Option<u32>,
}

impl Child {
    pub(super) fn spawn(command: Command) -> io::Result<Self> {
        let mut command = CommandWrap::from(command);
        command.wrap(KillOnDrop);
        #[cfg(unix)]
        command.wrap(process_wrap::tokio::ProcessSession);
        // Held over the start, so that no process is missed by `kill_stdio_servers`.
        let mut running = running();
        let process = command.spawn()?;
        let id = process.id();
        running.extend(id);
        Ok(Self { process, id })
    }

    pub(super) fn stdin(&mut self) -> Option<ChildStdin> {
        self.process.stdin().take()
    }

    pub(super) fn stdout(&mut self) -> Option<ChildStdout> {
        self.process.stdout().take()
    }

    pub(super) fn stderr(&mut self) -> Option<ChildStderr> {
        self.process.stderr().take()
    }

    /// Waits for the end of a process whose input is closed. One that takes longer than it may is
    /// killed.
    pub(super) async fn exit(&mut self) -> io::Result<()> {
        let exited = tokio::time::timeout(EXIT_GRACE, self.process.wait()).await;
        match exited {
            Ok(exited) => {
                self.forget();
                exited.map(drop)
            }
            Err(_) => {
                self.kill();
                self.process.wait().await.map(drop)
            }
        }
    }

    fn kill(&mut self) {
        if self.forget().is_some() {
            let _ = self.process.start_kill();
        }
    }

    /// Gives the process that nobody has seen to exit, for the last time.
    fn forget(&mut self) -> Option<u32> {
        let id = self.id.take()?;
        running().remove(&id).then_some(id)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

fn running() -> MutexGuard<'static, BTreeSet<u32>> {
    RUNNING.lock()
}

/// A process is the leader of its group. That there is none any more is no error.
#[cfg(unix)]
fn kill_group(id: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(group) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill_group(_id: u32) {}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::process::Stdio;

    use tokio::io::{AsyncReadExt, BufReader};
    use tokio::time::timeout;

    use super::*;

    /// Longer than anything here takes, shorter than what is started here lives.
    const LIMIT: Duration = Duration::from_secs(30);

    fn shell(script: &str) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        Child::spawn(command).unwrap()
    }

    /// What it writes, after its first byte: it has started a process by then, which writes there too.
    async fn started(child: &mut Child) -> BufReader<ChildStdout> {
        let mut out = BufReader::new(child.stdout().unwrap());
        out.read_u8().await.unwrap();
        out
    }

    /// That nobody writes there any more.
    async fn ends(mut out: BufReader<ChildStdout>) {
        timeout(LIMIT, out.read_to_end(&mut Vec::new())).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn one_that_is_dropped_is_killed_with_what_it_has_started() {
        let mut child = shell("trap '' INT TERM HUP; sleep 60 & echo; sleep 60");
        let out = started(&mut child).await;
        drop(child);
        ends(out).await;
    }

    #[tokio::test]
    async fn all_that_run_are_killed_at_once() {
        let mut children = [shell("sleep 60 & echo; wait"), shell("sleep 60 & echo; wait")];
        let outs = [started(&mut children[0]).await, started(&mut children[1]).await];
        kill_stdio_servers();
        for out in outs {
            ends(out).await;
        }
    }

    #[tokio::test]
    async fn one_that_takes_too_long_is_killed() {
        let mut child = shell("sleep 60 & echo; wait");
        let out = started(&mut child).await;
        drop(child.stdin());
        child.exit().await.unwrap();
        ends(out).await;
    }

    #[tokio::test]
    async fn one_that_has_exited_is_nobody_to_kill() {
        let mut child = shell("cat");
        let id = child.id.unwrap();
        assert!(running().contains(&id));
        drop(child.stdin());
        child.exit().await.unwrap();
        assert!(!running().contains(&id));
        assert_eq!(child.id, None);
    }
}
