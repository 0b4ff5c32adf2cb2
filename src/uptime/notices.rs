//! What people are told: what they know is compared with what is, and only the difference makes a message.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::digest::{Group, Recent};
use super::{Fleet, Millis, millis};
use crate::limits::{
    DIGEST, DIGEST_HOLD, DIGEST_PAUSE, DIGEST_POLL, FLAP_OUTAGES, FLAP_STABLE, FLAP_WINDOW, MAINTENANCE_POLL,
};
use crate::snapshot::{Change, MonitorId, Notice, NoticeItem, NoticeKind, State, Unknown};

/// What people believe of a monitor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Told {
    #[default]
    Up,
    Down,
    Flapping,
}

/// What a monitor is, soft failures aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Hard {
    #[default]
    Unknown,
    Up,
    Down,
}

#[derive(Clone, Debug, Default)]
struct Watch {
    told: Told,
    /// When people were last told that it is down, or reminded of it.
    told_down_at: Option<Millis>,
    told_up_at: Option<Millis>,
    hard: Hard,
    hard_since: Millis,
    /// The change that is not told yet, and when it is to be told.
    news: Option<(Millis, Millis)>,
    reminder: Option<Millis>,
    /// Of the outage that is or will be told.
    group: Group,
    cause: Cow<'static, str>,
    outage_since: Millis,
    outage_end: Option<Millis>,
    outages: Recent<FLAP_OUTAGES>,
    /// Since when it goes up and down.
    flapping: Option<Millis>,
    offline_since: Option<Millis>,
    offline_for: Millis,
    silenced: bool,
}

/// How long it has lasted, and why.
type Item = (Millis, String);

/// What is to be told to people, and when.
#[derive(Clone, Debug, Default)]
pub struct Notices {
    watches: Vec<Watch>,
    /// When monitors of each group were last told to be down, and any to have recovered.
    told_down_at: [Option<Millis>; Group::COUNT],
    told_up_at: Option<Millis>,
    back_online: Option<Millis>,
    times_back_online: Recent<FLAP_OUTAGES>,
}

impl Notices {
    /// Of so many monitors, which people believe to be up.
    pub fn new(monitors: usize) -> Notices {
        Notices { watches: alloc::vec![Watch::default(); monitors], ..Notices::default() }
    }

    /// After a reload; `kept` as in [`Fleet::reconfigure`]. Of monitors that are gone nothing is told any more.
    pub fn reconfigure(mut self, kept: &[Option<MonitorId>]) -> Notices {
        let mut take = |was: &Option<MonitorId>| {
            was.and_then(|was| self.watches.get_mut(usize::from(was))).map(core::mem::take).unwrap_or_default()
        };
        let watches = kept.iter().map(&mut take).collect();
        Notices { watches, ..self }
    }

    /// When [`Self::take`] is to be called again. To call it more often does no harm: when a maintenance window ends, it
    /// makes that known sooner.
    pub fn next_due(&self) -> Option<Millis> {
        let of_monitors = self.watches.iter().flat_map(|watch| [watch.news.map(|(_, due)| due), watch.reminder]);
        of_monitors.flatten().chain(self.back_online).min()
    }

    /// Takes note of a change, right after it was made.
    pub fn observe(&mut self, change: &Change, fleet: &Fleet) {
        let Some(watch) = self.watches.get_mut(usize::from(change.monitor)) else { return };
        let Some(policy) = fleet.policy(change.monitor) else { return };
        let status = fleet.status(change.monitor);
        let at = change.at;
        if change.to == State::Unknown(Unknown::Offline) {
            watch.offline_since = watch.offline_since.or(Some(at));
        } else if let Some((since, network)) = watch.offline_since.take().zip(policy.network) {
            let end = if fleet.online(network) { fleet.online_since(network).clamp(since, at) } else { at };
            let lasted = end - since;
            if lasted >= millis(DIGEST) {
                watch.offline_for += lasted;
                let pause = self.times_back_online.crowded(at, millis(FLAP_WINDOW), millis(FLAP_STABLE));
                let due = (at + millis(DIGEST)).max(pause.unwrap_or_default());
                self.back_online = self.back_online.or(Some(due));
            }
        }
        let hard = match change.to {
            State::Up => Hard::Up,
            State::Down => Hard::Down,
            State::Failing => watch.hard,
            State::Unknown(_) => Hard::Unknown,
        };
        if core::mem::replace(&mut watch.hard, hard) != hard {
            watch.hard_since = at;
        }
        if change.to == State::Up {
            watch.outage_end = watch.outage_end.or(Some(at));
        } else if change.to == State::Down {
            watch.fall(change, status.outage_since.unwrap_or(at), Group::of(status));
        }
        watch.reminder = match (change.to, watch.told, policy.reminder, watch.told_down_at) {
            (State::Down, Told::Down, Some(every), Some(told_at)) => Some((told_at + every).max(at + millis(DIGEST))),
            _ => None,
        };
        watch.plan(at);
    }

    /// What is to be told now.
    pub fn take(&mut self, now: Millis, fleet: &Fleet) -> Vec<Notice> {
        let mut notices = Vec::new();
        for (watch, status) in self.watches.iter_mut().zip(fleet.statuses()) {
            watch.mind_maintenance(status.maintenance, now);
        }
        self.tell_back_online(now, fleet, &mut notices);
        self.tell_flapping(now, &mut notices);
        for group in Group::ALL {
            self.tell_down(group, now, fleet, &mut notices);
        }
        self.tell_recovered(now, fleet, &mut notices);
        self.tell_reminders(now, fleet, &mut notices);
        notices
    }

    /// Items of those whom `item` makes one of; the notice if there is any.
    fn tell(
        &mut self,
        kind: NoticeKind,
        now: Millis,
        notices: &mut Vec<Notice>,
        item: &mut dyn FnMut(usize, &mut Watch) -> Option<Item>,
    ) -> bool {
        let mut items = Vec::new();
        for (at, watch) in self.watches.iter_mut().enumerate() {
            if let Some((lasted, cause)) = item(at, watch) {
                items.push(NoticeItem { monitor: at as MonitorId, lasted, cause });
            }
        }
        let any = !items.is_empty();
        if any {
            notices.push(Notice { kind, at: now, items });
        }
        any
    }

    fn tell_back_online(&mut self, now: Millis, fleet: &Fleet, notices: &mut Vec<Notice>) {
        if self.back_online.is_none_or(|due| due > now) {
            return;
        }
        self.back_online = None;
        let told = self.tell(NoticeKind::BackOnline, now, notices, &mut |at, watch| {
            let network = fleet.policy(at as MonitorId)?.network?;
            if !fleet.online(network) {
                // Unknown again already: told together with the next time. Or it works while no target answers.
                watch.offline_for = watch.offline_since.map_or(0, |_| watch.offline_for);
                return None;
            }
            let mut lasted = core::mem::take(&mut watch.offline_for);
            // Its check still runs, or is on its way.
            if let Some(since) = watch.offline_since.take() {
                lasted += fleet.online_since(network).saturating_sub(since);
            }
            let silent = lasted == 0 || fleet.status(at as MonitorId).maintenance;
            (!silent).then(|| (lasted, "this node was offline".into()))
        });
        if told {
            self.times_back_online.push(now);
        }
    }

    fn tell_flapping(&mut self, now: Millis, notices: &mut Vec<Notice>) {
        self.tell(NoticeKind::Flapping, now, notices, &mut |_, watch| {
            let (_, due) = watch.news?;
            let since = watch.flapping?;
            if due > now {
                return None;
            }
            if watch.told != Told::Flapping {
                watch.told_as(Told::Flapping, now);
                watch.plan(now);
                return Some((now.saturating_sub(since), watch.cause.clone().into_owned()));
            }
            // Stable at last: told below like any other news.
            watch.flapping = None;
            watch.outages = Recent::default();
            watch.news = Some((watch.hard_since, now));
            None
        });
    }

    fn tell_down(&mut self, group: Group, now: Millis, fleet: &Fleet, notices: &mut Vec<Notice>) {
        let pending = |watch: &Watch| watch.news.filter(|_| watch.is_pending(Hard::Down) && watch.group == group);
        let due = |watch: &Watch| pending(watch).is_some_and(|(_, due)| due <= now);
        if !self.watches.iter().any(due) {
            return;
        }
        // Those who fell one after the other for one cause are told together, after the first of them.
        let told_at = self.told_down_at[group as usize];
        let mut wait = told_at.map(|told_at| told_at + millis(DIGEST_PAUSE)).filter(|until| *until > now);
        if self.watches.iter().any(|watch| due(watch) && watch.told_down_at >= told_at) {
            wait = None;
        }
        let since = self.watches.iter().filter_map(|watch| pending(watch).map(|(since, _)| since)).min();
        if wait.is_none() && since.is_some_and(|since| now < since + millis(DIGEST_HOLD)) {
            let is_falling = |(watch, status): (&Watch, _)| watch.told != Told::Down && group.is_falling(status);
            if self.watches.iter().zip(fleet.statuses()).any(is_falling) {
                wait = Some(now + millis(DIGEST_POLL));
            }
        }
        if let Some(until) = wait {
            for watch in self.watches.iter_mut().filter(|watch| due(watch)) {
                watch.news = watch.news.map(|(since, _)| (since, until));
            }
            return;
        }
        self.tell(NoticeKind::Down, now, notices, &mut |at, watch| {
            pending(watch)?;
            watch.told_as(Told::Down, now);
            watch.reminder = fleet.policy(at as MonitorId)?.reminder.map(|every| now + every);
            Some((now.saturating_sub(watch.outage_since), watch.cause.clone().into_owned()))
        });
        self.told_down_at[group as usize] = Some(now);
    }

    fn tell_recovered(&mut self, now: Millis, fleet: &Fleet, notices: &mut Vec<Notice>) {
        let is_due = |watch: &Watch| watch.is_pending(Hard::Up) && watch.news.is_some_and(|(_, due)| due <= now);
        let told_at = self.told_up_at;
        let mut wait = told_at.map(|told_at| told_at + millis(DIGEST_PAUSE)).filter(|until| *until > now);
        if self.watches.iter().any(|watch| is_due(watch) && watch.told_up_at >= told_at) {
            wait = None;
        }
        for (watch, status) in self.watches.iter_mut().zip(fleet.statuses()).filter(|(watch, _)| is_due(watch)) {
            let until = if status.state == State::Up { wait } else { Some(now + millis(DIGEST_POLL)) };
            watch.news = watch.news.map(|(since, due)| (since, until.unwrap_or(due)));
        }
        if !self.watches.iter().any(is_due) {
            return;
        }
        self.tell(NoticeKind::Recovered, now, notices, &mut |at, watch| {
            if !watch.is_pending(Hard::Up) || fleet.status(at as MonitorId).state != State::Up {
                return None;
            }
            let lasted = watch.outage_end.unwrap_or(now).saturating_sub(watch.outage_since);
            watch.told_as(Told::Up, now);
            Some((lasted, core::mem::take(&mut watch.cause).into_owned()))
        });
        self.told_up_at = Some(now);
    }

    fn tell_reminders(&mut self, now: Millis, fleet: &Fleet, notices: &mut Vec<Notice>) {
        if !self.watches.iter().any(|watch| watch.reminder.is_some_and(|due| due <= now)) {
            return;
        }
        self.tell(NoticeKind::Reminder, now, notices, &mut |at, watch| {
            let id = at as MonitorId;
            let (policy, status) = (fleet.policy(id)?, fleet.status(id));
            watch.reminder.filter(|due| *due <= now + millis(DIGEST))?;
            if status.maintenance {
                return None;
            }
            watch.reminder = policy.reminder.map(|every| now + every.max(millis(DIGEST)));
            watch.told_down_at = Some(now);
            let failure = status.last.as_ref().and_then(|(_, outcome)| outcome.failure.as_ref());
            let cause = failure.map_or(status.cause.as_ref(), |failure| failure.cause());
            Some((now.saturating_sub(watch.outage_since), cause.into()))
        });
    }
}

impl Watch {
    /// It is down: a new outage, or one that is seen again.
    fn fall(&mut self, change: &Change, outage_since: Millis, group: Group) {
        self.group = group;
        self.cause = change.cause.clone();
        self.outage_end = None;
        if self.told != Told::Down {
            self.outage_since = outage_since;
        }
        if !change.maintenance && self.outages.latest() != Some(outage_since) {
            let recent = |since: &Millis| outage_since.saturating_sub(*since) <= millis(FLAP_WINDOW);
            self.flapping = self.flapping.or(self.outages.oldest().filter(recent));
            self.outages.push(outage_since);
        }
    }

    /// Whether people are to be told of this hard state, soon or now.
    fn is_pending(&self, hard: Hard) -> bool {
        self.flapping.is_none() && !self.silenced && self.news.is_some() && self.hard == hard
    }

    /// Sees whether there is news, after a change at `at`.
    fn plan(&mut self, at: Millis) {
        let known = match (self.told, self.hard) {
            (_, Hard::Unknown) => true,
            (Told::Flapping, _) => false,
            (told, hard) => (told == Told::Down) == (hard == Hard::Down),
        };
        self.news = if self.flapping.is_some() && self.told == Told::Flapping {
            let stable_at = self.hard_since + millis(FLAP_STABLE);
            (self.hard != Hard::Unknown).then_some((self.hard_since, stable_at))
        } else if known && self.flapping.is_none() {
            None
        } else {
            self.news.or(Some((at, at + millis(DIGEST))))
        };
    }

    fn told_as(&mut self, told: Told, now: Millis) {
        self.told = told;
        match told {
            Told::Up => self.told_up_at = Some(now),
            _ => self.told_down_at = Some(now),
        }
        self.news = None;
        self.reminder = None;
    }

    /// In a window nothing that is due is told; what is left when it ends is told at once.
    fn mind_maintenance(&mut self, open: bool, now: Millis) {
        let later = now + millis(MAINTENANCE_POLL);
        if open {
            self.silenced = true;
            self.news = self.news.map(|(since, due)| (since, if due <= now { later } else { due }));
            self.reminder = self.reminder.map(|due| if due <= now { later } else { due });
        } else if core::mem::take(&mut self.silenced) && self.flapping.is_none() {
            self.news = self.news.map(|(since, _)| (since, now));
        }
    }
}
