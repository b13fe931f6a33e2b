//! Native replies as JSON, in the mapping that protobuf defines.

use prost::Message;
use prost_reflect::SerializeOptions;
use prost_reflect::{DescriptorError, DescriptorPool, DynamicMessage, MessageDescriptor};

use crate::error::Error;
use crate::grpc::pb::{ClassifyResponse, DESCRIPTOR_SET};

/// Full name of the message that is written.
const REPLY: &str = "signalbox.v1.ClassifyResponse";

/// The definitions that JSON is written by are damaged.
#[derive(Debug, thiserror::Error)]
pub enum ReplyJsonError {
    /// They can't be read.
    #[error("the compiled definitions can't be read")]
    Unreadable(#[from] DescriptorError),
    /// They lack the message.
    #[error("the compiled definitions lack {REPLY}")]
    Missing,
}

/// Writes replies as JSON, with the names of the proto files.
#[derive(Debug)]
pub(super) struct ReplyJson {
    reply: MessageDescriptor,
    options: SerializeOptions,
}

impl ReplyJson {
    pub(super) fn new() -> Result<Self, ReplyJsonError> {
        let pool = DescriptorPool::decode(DESCRIPTOR_SET)?;
        let reply = pool.get_message_by_name(REPLY).ok_or(ReplyJsonError::Missing)?;
        Ok(Self { reply, options: SerializeOptions::new().use_proto_field_name(true) })
    }

    /// Writes a reply.
    ///
    /// # Errors
    /// [`Error::Internal`] should definitions and code not agree.
    pub(super) fn encode(&self, response: &ClassifyResponse) -> Result<Vec<u8>, Error> {
        let bytes = response.encode_to_vec();
        let reply = DynamicMessage::decode(self.reply.clone(), bytes.as_slice());
        let reply = reply.map_err(Error::internal)?;
        let mut json = Vec::new();
        let mut serializer = serde_json::Serializer::new(&mut json);
        reply.serialize_with_options(&mut serializer, &self.options).map_err(Error::internal)?;
        Ok(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::pb;

    #[test]
    fn reply_is_written_with_the_names_of_the_proto_files() {
        let response = ClassifyResponse {
            id: "m1".into(),
            primary_intent: Some(pb::PrimaryIntent {
                name: "order.status".into(),
                probability: 0.25,
                ..Default::default()
            }),
            ..Default::default()
        };

        let json = ReplyJson::new().unwrap().encode(&response).unwrap();

        let expected = r#"{"id":"m1","primary_intent":{"name":"order.status","probability":0.25}}"#;
        let parse = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
        assert_eq!(parse(&json), parse(expected.as_bytes()));
    }
}
