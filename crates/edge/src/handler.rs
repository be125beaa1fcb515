//! Turns an `async fn` into a handler: its arguments are taken from the request, its answer is rendered, and both describe
//! the route.

use std::pin::Pin;
use std::sync::Arc;

use axum::response::Response;

use crate::answer::Answer;
use crate::call::{Call, FromCall};
use crate::doc::Doc;
use crate::problem::Problem;

/// A handler with its argument types erased.
pub(crate) type Run =
    Arc<dyn Fn(Call) -> Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>> + Send + Sync>;

/// An `async fn(args…) -> Result<impl Answer, Problem>`.
#[diagnostic::on_unimplemented(
    message = "this is no handler",
    note = "a handler is `async fn(arguments that implement FromCall) -> Result<impl Answer, Problem>`"
)]
pub trait Handler<Args>: Copy + Send + Sync + 'static {
    /// Runs it.
    fn run(self, call: Call) -> impl Future<Output = Result<Response, Problem>> + Send + 'static;

    /// Describes its route.
    fn describe(doc: &mut Doc);
}

impl<F, Fut, A> Handler<()> for F
where
    F: Fn() -> Fut + Copy + Send + Sync + 'static,
    Fut: Future<Output = Result<A, Problem>> + Send + 'static,
    A: Answer + 'static,
{
    async fn run(self, _call: Call) -> Result<Response, Problem> {
        self().await?.answer()
    }

    fn describe(doc: &mut Doc) {
        A::describe(doc);
    }
}

macro_rules! handlers {
    ($(($($kind:ident $arg:ident),*),)*) => {$(
        impl<F, Fut, A, $($kind,)*> Handler<($($kind,)*)> for F
        where
            F: Fn($($kind),*) -> Fut + Copy + Send + Sync + 'static,
            Fut: Future<Output = Result<A, Problem>> + Send + 'static,
            A: Answer + 'static,
            $($kind: FromCall + 'static,)*
        {
            async fn run(self, mut call: Call) -> Result<Response, Problem> {
                $(let $arg = $kind::from_call(&mut call).await?;)*
                self($($arg),*).await?.answer()
            }

            fn describe(doc: &mut Doc) {
                $($kind::describe(doc);)*
                A::describe(doc);
            }
        }
    )*};
}

handlers! {
    (A1 a1),
    (A1 a1, A2 a2),
    (A1 a1, A2 a2, A3 a3),
    (A1 a1, A2 a2, A3 a3, A4 a4),
    (A1 a1, A2 a2, A3 a3, A4 a4, A5 a5),
    (A1 a1, A2 a2, A3 a3, A4 a4, A5 a5, A6 a6),
    (A1 a1, A2 a2, A3 a3, A4 a4, A5 a5, A6 a6, A7 a7),
}
