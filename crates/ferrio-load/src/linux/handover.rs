//! What a call on another thread costs at least: a job handed over through a lock and a condition, the answer through an
//! eventfd that wakes an epoll set, one after the other. It is what any `to_thread` of an epoll loop has to pay, without
//! an interpreter and without the lock that both its threads need.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{read, write};

use super::failure::{Named, Outcome};
use super::options::Options;
use super::window::{Window, now};

const BATCH: u64 = 10;

struct Desk {
    jobs: Mutex<u64>,
    arrived: Condvar,
    done: OwnedFd,
}

pub(crate) fn run(options: &Options) -> Outcome {
    let done = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).named("eventfd")?;
    let desk = Arc::new(Desk { jobs: Mutex::new(0), arrived: Condvar::new(), done });
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).named("epoll_create")?;
    epoll::add(&poll, &desk.done, EventData::new_u64(0), EventFlags::IN).named("epoll_ctl")?;
    let worker = desk.clone();
    thread::spawn(move || worker.work());
    let mut window = Window::new(options);
    while !window.is_over(now())? {
        for _ in 0..BATCH {
            desk.ask(&poll)?;
        }
        window.count += BATCH;
    }
    window.print("")
}

impl Desk {
    fn ask(&self, poll: &OwnedFd) -> Outcome {
        *self.jobs.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.arrived.notify_one();
        epoll::wait(poll, &mut [const { std::mem::MaybeUninit::uninit() }; 1][..], None)
            .named("epoll_wait")?;
        read(&self.done, &mut [0; 8][..]).named("eventfd")?;
        Ok(())
    }

    fn work(&self) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            while *jobs == 0 {
                jobs = self.arrived.wait(jobs).unwrap_or_else(PoisonError::into_inner);
            }
            *jobs -= 1;
            drop(jobs);
            if write(&self.done, &1_u64.to_ne_bytes()).is_err() {
                return;
            }
            jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        }
    }
}
