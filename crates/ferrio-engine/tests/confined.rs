//! A loop stays on its thread: this does not compile where `Loop` or `Core` is `Send` or `Sync`, or where the handle that other
//! threads may have is not.

use ferrio_engine::{Core, Loop, Remote, Runnable};

/// `is_not!(Loop<Runnable>: Send)`: an ambiguity, hence an error, where the type has the trait.
macro_rules! is_not {
    ($type:ty: $bound:ident) => {
        const _: fn() = || {
            trait Either<A> {
                fn one() {}
            }
            impl<T: ?Sized> Either<()> for T {}
            impl<T: ?Sized + $bound> Either<u8> for T {}
            <$type as Either<_>>::one();
        };
    };
}

is_not!(Loop<Runnable>: Send);
is_not!(Loop<Runnable>: Sync);
is_not!(Core: Send);
is_not!(Core: Sync);

const fn crosses_threads<T: Send + Sync>() {}

const _: () = crosses_threads::<Remote<Runnable>>();
