//! The process of a stdio server. It runs in a session of its own, so that it has no terminal.
//!
//! A person approves the tools of a server at a terminal. A process with the same terminal can
//! write over the question and read the answer (`/dev/tty`). A process in another session cannot
//! open the terminal (setsid, POSIX.1-2024). But the signals of the terminal do not reach that
//! session, so this process must end the server.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};

/// The time that a server has to exit once its input is closed.
const EXIT_GRACE: Duration = Duration::from_secs(3);

/// The processes that were started and have not been seen to exit.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Kills every stdio server that this process has started and that still runs, together with the
/// processes that the server has started.
///
/// A host calls this when it is about to end without dropping its connections: by
/// [`std::process::exit`], or on a signal. A server that is not killed then only sees the end of
/// its input, and may ignore it. A connection that is dropped kills its server in the same way.
///
/// On Windows this has no effect: there the processes only see the end of their input.
pub fn kill_stdio_servers() {
    for &id in running().iter() {
        kill_group(id);
    }
}

/// A child process with pipes. When it is dropped, the process and those that it has started are
/// killed, unless the process was seen to exit.
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
        // The lock is held during the start, so that `kill_stdio_servers` does not miss a process.
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

    /// Waits for the end of a process whose input is closed. Kills the process if it takes too
    /// long.
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

    /// Takes the id of the process out of the list. Returns the id only once, and only if the
    /// process was not seen to exit.
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

/// Kills the process group that the process leads. ESRCH is ignored: the process group has already
/// exited.
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

    /// A time longer than any step here takes, and shorter than the life of a process that is
    /// started here.
    const LIMIT: Duration = Duration::from_secs(30);

    fn shell(script: &str) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        Child::spawn(command).unwrap()
    }

    /// Returns the output of the child after its first byte. The child has started a process by
    /// then, which writes to the same pipe.
    async fn started(child: &mut Child) -> BufReader<ChildStdout> {
        let mut out = BufReader::new(child.stdout().unwrap());
        out.read_u8().await.unwrap();
        out
    }

    /// Waits until every writer of the pipe has ended.
    async fn ends(mut out: BufReader<ChildStdout>) {
        timeout(LIMIT, out.read_to_end(&mut Vec::new())).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_dropped_child_is_killed_with_the_processes_that_it_started() {
        let mut child = shell("trap '' INT TERM HUP; sleep 60 & echo; sleep 60");
        let out = started(&mut child).await;
        drop(child);
        ends(out).await;
    }

    #[tokio::test]
    async fn all_running_children_are_killed_at_once() {
        let mut children = [shell("sleep 60 & echo; wait"), shell("sleep 60 & echo; wait")];
        let outs = [started(&mut children[0]).await, started(&mut children[1]).await];
        kill_stdio_servers();
        for out in outs {
            ends(out).await;
        }
    }

    #[tokio::test]
    async fn a_child_that_takes_too_long_to_exit_is_killed() {
        let mut child = shell("sleep 60 & echo; wait");
        let out = started(&mut child).await;
        drop(child.stdin());
        child.exit().await.unwrap();
        ends(out).await;
    }

    #[tokio::test]
    async fn a_child_that_has_exited_is_not_killed_later() {
        let mut child = shell("cat");
        let id = child.id.unwrap();
        assert!(running().contains(&id));
        drop(child.stdin());
        child.exit().await.unwrap();
        assert!(!running().contains(&id));
        assert_eq!(child.id, None);
    }
}
