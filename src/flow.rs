//! Follows values through programs: which secret reaches which host, which
//! fetched text is run, whatever names and encodings lie in between.
//!
//! Programs of all languages are lowered to one form ([`ir`]) and run on
//! abstract values ([`interpret`]): constants are folded, interfaces are known
//! by their path, and labels say where a value came from and how. What
//! interfaces give and take is data ([`catalogue`], `signatures/flows/`).
//!
//! What it does not see: values that only a run can tell (what a server
//! answers, what a table is decrypted to with a key from elsewhere), code that
//! another program writes while it runs, prototypes that are changed, exceptions as a
//! way for values, and members whose name is computed from unknown parts.
//! No text decides beforehand that a program need not be read: nearly every
//! program holds a name of a catalogue or a way to build one, so a gate that is
//! sound would let nearly all through.
//! Loops whose end is not known are followed three rounds, objects by the
//! place that makes them, functions apart for eight different calls, and of one value eight constants.
//! Where a budget ends, or a value is or comes from more than is kept of it, the rest is not followed, and the report
//! says so. What puts a list in another order where it stands is not followed either.

pub mod catalogue;
pub mod fast;
pub mod fold;
pub mod interpret;
pub mod ir;
pub mod link;
pub mod lower;
pub mod value;
