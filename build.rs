//! Compiles the protobuf definitions without needing `protoc` on the machine.

#[expect(
    clippy::disallowed_methods,
    reason = "cargo passes OUT_DIR in the environment"
)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    // tonic-prost-build 0.14 does not say so itself.
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(
        [
            "signalbox/v1/classifier_service.proto",
            "signalbox/v1/model_service.proto",
            "signalbox/v1/server_service.proto",
        ],
        ["proto"],
    )?;
    let out_dir = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    tonic_prost_build::configure()
        .file_descriptor_set_path(out_dir.join("signalbox_descriptor.bin"))
        // .codec_path("crate::grpc::codec::StrictCodec")
        .compile_fds(descriptors)?;
    Ok(())
}
