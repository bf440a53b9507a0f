//! The same writer with jemalloc, which the official `s2` command line uses too: it costs a third less CPU than with the
//! system's allocator.

#[path = "writer.rs"]
mod writer;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    writer::main()
}
