//! `TaxonomyService`: what labels mean and are called.

use tonic::{Request, Response, Status};

use super::Context;
use super::MAX_QUESTION_BYTES;
use super::pb;
use super::pb::taxonomy_service_server::{TaxonomyService, TaxonomyServiceServer};
use super::status::from_error;
use crate::error::{Error, NotReadyReason};
use crate::lifecycle::ServiceState;
use crate::message::ModelSelector;
use crate::taxonomy::{LabelEntry, Taxonomy, View};

/// Makes the service.
pub(super) fn service(context: Context) -> TaxonomyServiceServer<Taxonomies> {
    TaxonomyServiceServer::new(Taxonomies { context }).max_decoding_message_size(MAX_QUESTION_BYTES)
}

#[derive(Clone, Debug)]
pub(super) struct Taxonomies {
    context: Context,
}

#[tonic::async_trait]
impl TaxonomyService for Taxonomies {
    async fn get_taxonomy(
        &self,
        request: Request<pb::GetTaxonomyRequest>,
    ) -> Result<Response<pb::GetTaxonomyResponse>, Status> {
        if self.context.lifecycle.state() == ServiceState::Starting {
            return Err(from_error(&Error::NotReady { reason: NotReadyReason::Starting }));
        }
        let pb::GetTaxonomyRequest { model, model_version, language } = request.into_inner();
        let selector = ModelSelector { name: model, version: model_version };
        let registry = self.context.pipeline.registry();
        let model = registry.resolve(&selector).map_err(|error| from_error(&error))?;
        Ok(Response::new(describe(model.taxonomy(), &language)))
    }
}

fn describe(taxonomy: &Taxonomy, language: &str) -> pb::GetTaxonomyResponse {
    let entry = |entry: &LabelEntry| {
        let title = taxonomy.display_name(entry.name(), language);
        pb::TaxonomyEntry {
            name: entry.name().to_owned(),
            display_name: title.unwrap_or(entry.name()).to_owned(),
            definition: entry.definition().to_owned(),
            aliases: entry.aliases().to_vec(),
        }
    };
    pb::GetTaxonomyResponse {
        digest: taxonomy.digest().to_owned(),
        languages: taxonomy.languages().map(str::to_owned).collect(),
        groups: taxonomy.groups().map(entry).collect(),
        intents: taxonomy.intents().map(entry).collect(),
        flags: taxonomy.flags().map(entry).collect(),
        polarity: taxonomy.polarity().map(entry).collect(),
        views: taxonomy.views().map(view).collect(),
    }
}

fn view(view: &View) -> pb::ViewDescription {
    pb::ViewDescription { name: view.name().to_owned(), description: view.description().to_owned() }
}
