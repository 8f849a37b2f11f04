//! What the store's thread answers without changing anything.

use super::{
    command::Command,
    store::{Store, StoreError},
};

/// Most events of one read.
const READ: usize = 64;
/// Most bytes of one read.
const READ_BYTES: usize = 256 * 1024;

/// Answers one command.
///
/// # Errors
/// See [`StoreError`].
pub fn answer(store: &Store, command: Command) -> Result<(), StoreError> {
    // A send fails if the caller has gone, which is fine.
    match command {
        Command::ReadThese(places, reply) => {
            let _ = reply.send(store.read_these(&places)?);
        }
        Command::Read(from, reply) => {
            let _ = reply.send(store.read(from, READ, READ_BYTES)?);
        }
        Command::List(list) => {
            let page = store.dead_letters(list.after.as_ref(), list.limit, &list.filter)?;
            let _ = list.reply.send(Some(page));
        }
        Command::Show(id, reply) => {
            let _ = reply.send(Some(store.dead_letter(&id)?));
        }
        // Executed in the transaction.
        Command::Append(_) | Command::Settle(_) | Command::Resolve(_) | Command::Close => {}
    }
    Ok(())
}
