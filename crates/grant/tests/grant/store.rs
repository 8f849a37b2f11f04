//! The API server: conditional writes, and the ways in which it is not there.

use grant::{Credential, Grant, Intent, Lost, Store, StoreError};

use crate::process::{Call, Point, Process};

pub struct Api {
    stored: Option<Grant>,
    version: u64,
    pub wanted: bool,
    /// It does not answer so many calls.
    pub away: u32,
    /// It does not answer so many calls once Zoom has answered.
    pub away_at_commit: u32,
    /// The answer of this write is lost; counted down.
    pub loses_answer: Option<u32>,
    /// Whether a grant was stored where there was none.
    pub created: bool,
    /// Fingerprints of everything that was ever stored.
    ever: Vec<String>,
    /// Every attempt that was ever on record: of which credential.
    pub intents: Vec<(String, Intent)>,
}

impl Api {
    pub fn new(grant: Grant) -> Self {
        Self {
            ever: vec![grant.credential.fingerprint()],
            stored: Some(grant),
            version: 1,
            wanted: true,
            away: 0,
            away_at_commit: 0,
            loses_answer: None,
            created: false,
            intents: Vec::new(),
        }
    }

    pub fn stored(&self) -> Option<&Grant> {
        self.stored.as_ref()
    }

    pub fn stored_ever(&self, fingerprint: &str) -> bool {
        self.ever.iter().any(|ever| ever == fingerprint)
    }

    /// What somebody else does, who asks nobody.
    pub fn replace(&mut self, change: impl FnOnce(Option<Grant>) -> Option<Grant>) {
        let stored = self.stored.take();
        self.set(change(stored));
    }

    fn set(&mut self, grant: Option<Grant>) {
        self.version += 1;
        if let Some(grant) = &grant {
            let fingerprint = grant.credential.fingerprint();
            if let Some(intent) = &grant.intent {
                self.intents.push((fingerprint.clone(), intent.clone()));
            }
            self.ever.push(fingerprint);
        }
        self.stored = grant;
    }

    fn here(&mut self) -> Result<(), StoreError> {
        if self.away > 0 {
            self.away -= 1;
            return Err(away());
        }
        Ok(())
    }

    /// Whether the answer of this write arrives.
    fn answer(&mut self) -> Result<(), StoreError> {
        match &mut self.loses_answer {
            Some(0) => {
                self.loses_answer = None;
                Err(away())
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

fn away() -> StoreError {
    StoreError::Unavailable("connection reset".into())
}

/// What a write that went through must never have done.
fn worse(old: &Grant, new: &Grant) -> Option<&'static str> {
    if old.id != new.id {
        return Some("a grant was overwritten by that of another consent");
    }
    if old
        .loss
        .as_ref()
        .is_some_and(|loss| loss.reason == Lost::Deauthorized)
    {
        return Some("erased tokens came back");
    }
    if new.generation < old.generation {
        return Some("a grant was overwritten by an older generation");
    }
    let (before, after) = (old.credential.fingerprint(), new.credential.fingerprint());
    if new.generation == old.generation && before != after && new.loss.is_none() {
        return Some("a grant was overwritten by another of the same generation");
    }
    let removed = new
        .loss
        .as_ref()
        .is_some_and(|loss| loss.reason == Lost::Deauthorized);
    if matches!(old.credential, Credential::RefreshToken(_))
        && new.generation == old.generation
        && before != after
        && !removed
    {
        return Some("a refresh token was erased by a refusal");
    }
    if old.client_id.is_some() && new.client_id != old.client_id {
        return Some("a grant went over to another app");
    }
    if old.loss.is_some() && new.loss.is_none() && new.generation != old.generation + 1 {
        return Some("a grant that was given up came back without a successor");
    }
    None
}

impl Store for Process {
    type Version = u64;

    async fn read(&self) -> Result<Option<(Grant, u64)>, StoreError> {
        self.pass(Point::Before(Call::Read)).await;
        let found = {
            let api = &mut self.world.state().api;
            api.here().map(|()| {
                let version = api.version;
                api.stored.clone().map(|grant| (grant, version))
            })
        };
        self.pass(Point::After(Call::Read)).await;
        found
    }

    async fn write(&self, grant: &Grant, over: &u64) -> Result<u64, StoreError> {
        self.pass(Point::Before(Call::Write)).await;
        let written = {
            let mut state = self.world.state();
            let state = &mut *state;
            state.api.here().and_then(|()| match &state.api.stored {
                None => Err(StoreError::Gone),
                Some(_) if state.api.version != *over => Err(StoreError::Conflict),
                Some(old) => {
                    state.broken.extend(worse(old, grant).map(String::from));
                    state.api.set(Some(grant.clone()));
                    state.api.answer().map(|()| state.api.version)
                }
            })
        };
        self.pass(Point::After(Call::Write)).await;
        written
    }

    async fn create(&self, grant: &Grant) -> Result<(), StoreError> {
        self.pass(Point::Before(Call::Create)).await;
        let created = {
            let mut state = self.world.state();
            let state = &mut *state;
            state.api.here().and_then(|()| {
                if state.api.stored.is_some() {
                    return Err(StoreError::Conflict);
                }
                if !state.api.wanted {
                    state.broken.push("an unwanted grant was created".into());
                }
                state.api.created = true;
                state.api.set(Some(grant.clone()));
                state.api.answer()
            })
        };
        self.pass(Point::After(Call::Create)).await;
        created
    }

    async fn wanted(&self) -> Result<bool, StoreError> {
        self.pass(Point::Before(Call::Wanted)).await;
        let wanted = {
            let api = &mut self.world.state().api;
            api.here().map(|()| api.wanted)
        };
        self.pass(Point::After(Call::Wanted)).await;
        wanted
    }

    fn place(&self) -> String {
        "ns/connection".into()
    }
}
