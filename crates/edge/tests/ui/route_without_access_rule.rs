use certctl_edge::{NoContent, Problem, Routes, get};

async fn nothing() -> Result<NoContent, Problem> {
    Ok(NoContent)
}

fn main() {
    let _ = Routes::new("group").with(get("/nothing", nothing).about("Has no rule."));
}
