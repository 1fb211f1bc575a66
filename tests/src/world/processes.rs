//! Functions outside of this world's own process, and the authorizer, which no route reaches.

use lambda_runtime::Error;
use serde_json::Value;
use shared::app::App;
use shared::aws;
use shared::config::Config;

use super::{World, answered, request};
use crate::event::HttpRequest;
use crate::system::Answer;
use crate::{contract, event, functions};

impl World {
    /// Returns another process of the same system: with other settings, and nothing read yet.
    pub fn another_process(&self, settings: &[(&str, &str)]) -> App {
        let lookup = |variable: &str| {
            let own = settings.iter().find(|(name, _)| *name == variable).map(|(_, value)| (*value).to_owned());
            own.or_else(|| self.system.environment.get(variable).cloned())
        };
        let config = Config::read(lookup).expect("the settings are good");
        App::new(config, self.system.app.clock.clone(), &aws::https([]))
    }

    /// Sends a request to a function in another process, and checks the answer against the contract.
    pub async fn send_to(&self, process: &App, request: HttpRequest<'_>) -> Answer {
        let route = functions::route(request.method, request.path).expect("there is such a route");
        let event = event::invocation(event::http(&request, self.now()), 10);
        let answer = functions::invoke(process, route.function, event).await.expect("the function answers");
        let answer = answered(&answer);
        let complaint = contract::complaint(request.method, request.path, &answer);
        assert_eq!(complaint, None, "not as openapi.yaml has it");
        answer
    }

    /// Has the authorizer judge an event.
    pub async fn authorize(&self, event: Value) -> Result<Value, Error> {
        functions::invoke(&self.system.app, "authorizer", event::invocation(event, 10)).await
    }

    /// Returns the authorizer's event of a request to another API with this `Authorization` header.
    pub fn authorizer_event(&self, authorization: &str) -> Value {
        let mut request = request("GET", "/orders").with_header("authorization", authorization);
        request.domain_name = "orders.example.com";
        event::authorizer(&request, self.now())
    }

    /// Returns whether the authorizer lets a request with this `Authorization` header through.
    pub async fn is_authorized(&self, authorization: &str) -> bool {
        let verdict = self.authorize(self.authorizer_event(authorization)).await.expect("the authorizer answers");
        let has_context = verdict.get("context").is_some();
        assert_eq!(verdict["isAuthorized"], has_context, "{verdict}");
        has_context
    }
}
