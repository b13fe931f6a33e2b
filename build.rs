//! Compiles the protobuf definitions without needing `protoc` on the machine.

use prost::Message;

#[expect(clippy::disallowed_methods, reason = "cargo passes OUT_DIR in the environment")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    // tonic-prost-build 0.14 does not say so itself.
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(
        [
            "inference/grpc_service.proto",
            "signalbox/v1/classifier_service.proto",
            "signalbox/v1/feedback_service.proto",
            "signalbox/v1/model_service.proto",
            "signalbox/v1/policy_service.proto",
            "signalbox/v1/server_service.proto",
            "signalbox/v1/taxonomy_service.proto",
        ],
        ["proto"],
    )?;
    let out_dir = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    // compile_fds does not write the descriptor set that reflection serves, whatever file_descriptor_set_path says.
    std::fs::write(out_dir.join("signalbox_descriptor.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .codec_path("crate::grpc::codec::StrictCodec")
        // Parameters come by name; in order, so that faults are told the same every time.
        .btree_map(".inference")
        .compile_fds(descriptors)?;
    Ok(())
}
