//! What `adapt()` promises, over all models and random requests.

use azure_openai_chat::{ChatCompletionRequest, Deployment};
use proptest::prelude::*;

use super::requests::{any_model, careful_request, cases};

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn what_comes_back_passes_and_what_passed_comes_back_as_it_was(
        json in careful_request(),
        model in any_model(),
        declared in prop::bool::weighted(0.95),
    ) {
        let request: ChatCompletionRequest = serde_json::from_value(json).unwrap();
        let deployment = Deployment::new("d");
        let request = request.with_deployment(if declared { deployment.model(model) } else { deployment });
        let before = request.validate();
        match request.clone().adapt() {
            Ok(adapted) => {
                prop_assert_eq!(adapted.request().validate(), Ok(()));
                prop_assert_eq!(before.is_ok(), adapted.adaptations().is_empty());
                if before.is_ok() {
                    prop_assert_eq!(adapted.request(), &request);
                    prop_assert_eq!(
                        serde_json::to_value(adapted.request()).unwrap(),
                        serde_json::to_value(&request).unwrap()
                    );
                }
                for adaptation in adapted.adaptations() {
                    prop_assert!(!adaptation.parameter().is_empty() && !adaptation.change().is_empty());
                }
            }
            Err(left) => {
                prop_assert!(before.is_err());
                prop_assert!(!left.violations().is_empty());
            }
        }
    }

    #[test]
    fn adapting_twice_is_adapting_once(json in careful_request(), model in any_model()) {
        let request: ChatCompletionRequest = serde_json::from_value(json).unwrap();
        let request = request.with_deployment(Deployment::new("d").model(model));
        if let Ok(adapted) = request.adapt() {
            let request = adapted.into_request();
            let again = request.clone().adapt().unwrap();
            prop_assert!(again.adaptations().is_empty());
            prop_assert_eq!(again.request(), &request);
        }
    }
}
