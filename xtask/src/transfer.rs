//! Sends one large file in each way that the example `file-transfer` knows, and holds both sides to
//! their memory.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;
use crate::process::{cargo, execute, target_dir};

const DEFAULT_MIB: usize = 2048;
/// What each side may hold, however long the file.
const MEMORY_MIB: usize = 64;
const DEADLINE: Duration = Duration::from_secs(300);

/// Runs every way with a file of so many MiB: `--mib N`.
pub(crate) fn run(args: &[String]) -> Result {
    let mib = match args {
        [] => DEFAULT_MIB,
        [flag, number] if flag == "--mib" => number.parse()?,
        _ => return Err("usage: cargo xtask transfer [--mib N]".into()),
    };
    execute(&mut cargo(["build", "--release", "-p", "polywire-examples", "--examples"]))?;
    let work = target_dir().join("transfer");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(work.join("into"))?;
    let result = transfers(&work, mib);
    fs::remove_dir_all(&work)?;
    result
}

fn transfers(work: &Path, mib: usize) -> Result {
    let file = work.join("file");
    write_file(&file, mib)?;
    let (file_arg, into) = (text(&file), text(&work.join("into")));
    println!("{:<44} {:>8} {:>10} {:>10}", "way", "seconds", "first", "second");
    let ways: [(&str, Vec<&str>, &str, Vec<&str>); 3] = [
        (
            "the sender connects",
            vec!["receiver", "0", "--into", &into],
            "receiving on ",
            vec!["sender", &file_arg],
        ),
        (
            "the receiver connects",
            vec!["sender", &file_arg, "--listen", "0"],
            "offering on ",
            vec!["receiver", "--into", &into, "--from"],
        ),
        (
            "the sender connects, in a loop in the callback",
            vec!["receiver", "0", "--into", &into],
            "receiving on ",
            vec!["sender", &file_arg, "--plain"],
        ),
    ];
    for (name, first, says, second) in ways {
        let (seconds, peaks) = transfer(&first, says, &second)?;
        println!("{name:<44} {seconds:>8.1} {:>6} MiB {:>6} MiB", peaks[0], peaks[1]);
        if let Some(peak) = peaks.iter().find(|peak| **peak >= MEMORY_MIB) {
            return Err(format!("{name}: one side held {peak} MiB").into());
        }
        let arrived = work.join("into/file");
        if !are_equal(&file, &arrived)? {
            return Err(format!("{name}: what arrived differs").into());
        }
        fs::remove_file(arrived)?;
    }
    Ok(())
}

/// Seconds, and the most memory of each side in MiB.
fn transfer(first: &[&str], says: &str, second: &[&str]) -> Result<(f32, [usize; 2])> {
    let mut first = Example::start(first.iter().map(ToString::to_string).collect())?;
    let addr = first.address(says)?;
    let mut args: Vec<_> = second.iter().map(ToString::to_string).collect();
    let place = if second.ends_with(&["--plain"]) { args.len() - 1 } else { args.len() };
    args.insert(place, addr);
    let started = Instant::now();
    let mut second = Example::start(args)?;
    while second.child.try_wait()?.is_none() {
        if started.elapsed() > DEADLINE {
            return Err(format!("not over after {DEADLINE:?}").into());
        }
        first.look();
        second.look();
        thread::sleep(Duration::from_millis(2));
    }
    match second.child.wait()?.success() {
        true => Ok((started.elapsed().as_secs_f32(), [first.peak, second.peak])),
        false => Err("the transfer failed".into()),
    }
}

struct Example {
    child: Child,
    /// Kept: one that can't print any more ends.
    said: BufReader<ChildStdout>,
    /// MiB.
    peak: usize,
}

impl Example {
    fn start(args: Vec<String>) -> Result<Self> {
        let program: PathBuf = target_dir().join("release/examples/file-transfer");
        let mut child = Command::new(program).args(args).stdout(Stdio::piped()).spawn()?;
        let said = BufReader::new(child.stdout.take().ok_or("no output")?);
        Ok(Self { child, said, peak: 0 })
    }

    fn address(&mut self, says: &str) -> Result<String> {
        let mut line = String::new();
        self.said.read_line(&mut line)?;
        let addr =
            line.trim().strip_prefix(says).ok_or_else(|| format!("'{says}' expected: {line}"))?;
        Ok(addr.replace("0.0.0.0", "127.0.0.1"))
    }

    /// Notes the most memory it had so far. Its last reading stays when it has ended.
    fn look(&mut self) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
        self.peak = self.peak.max(kib.unwrap_or(0).div_ceil(1024));
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Bytes in which no two pieces are alike.
fn write_file(path: &Path, mib: usize) -> Result {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    for i in 0..(mib << 17) as u64 {
        file.write_all(&i.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes())?;
    }
    Ok(file.flush()?)
}

fn are_equal(one: &Path, other: &Path) -> Result<bool> {
    let (mut one, mut other) = (File::open(one)?, File::open(other)?);
    let (mut of_one, mut of_other) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    loop {
        let len = one.read(&mut of_one)?;
        other.read_exact(&mut of_other[..len])?;
        if len == 0 || of_one[..len] != of_other[..len] {
            return Ok(len == 0);
        }
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
