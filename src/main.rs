//! The `icecore` command. Everything is in the library of the server; here is only the choice of the allocator.

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    icecore_server::main()
}
