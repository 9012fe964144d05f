//! The two founding documents, the page on reasoning models and the page on predicted outputs, statement by
//! statement.

use azure_openai_chat::request::{AudioFormat, AudioOutput, InputAudioFormat, Modality, Voice};
use azure_openai_chat::{
    ApiVersion, Capabilities, ChatCompletionRequest, ChatCompletionRequestBuilder, ContentPart, Deployment, Message,
    Model, Prediction, ReasoningEffort, ResponseFormat, Tool, ToolChoice,
};
use serde_json::json;

use super::{advised, ask, told};

const NOTHING: &[&str] = &[];

const PAGE: [Model; 4] =
    [Model::O1_2024_12_17, Model::O1_PREVIEW_2024_09_12, Model::O1_MINI_2024_09_12, Model::O3_MINI_2025_01_31];

/// The page of early 2025 is about these.
const O1_SERIES: [Model; 3] = [Model::O1_2024_12_17, Model::O1_PREVIEW_2024_09_12, Model::O1_MINI_2024_09_12];

mod reasoning {
    use super::*;

    #[test]
    fn sampling_parameters_are_unsupported() {
        for model in PAGE {
            for (asked, parameter) in [
                (ask(&model).temperature(0.5), "temperature"),
                (ask(&model).top_p(0.5), "top_p"),
                (ask(&model).presence_penalty(0.5), "presence_penalty"),
                (ask(&model).frequency_penalty(0.5), "frequency_penalty"),
                (ask(&model).logprobs(true), "logprobs"),
                (ask(&model).logit_bias([(50_256, -100)]), "logit_bias"),
                (ask(&model).max_tokens(500), "max_tokens"),
            ] {
                assert_eq!(told(asked, false), [parameter], "{model}");
            }
            let both = told(ask(&model).logprobs(true).top_logprobs(3), false);
            assert_eq!(both, ["logprobs", "top_logprobs"], "{model}");
        }
    }

    #[test]
    fn the_limit_is_max_completion_tokens_and_nothing_else() {
        for model in O1_SERIES {
            assert_eq!(told(ask(&model).max_completion_tokens(5000), false), NOTHING);
            let error = ChatCompletionRequest::builder(Deployment::new("o1-new").model(model.clone()))
                .user("hi")
                .max_tokens(5000)
                .build()
                .unwrap_err();
            let told: Vec<&str> = error.violations().iter().map(|violation| violation.parameter()).collect();
            assert_eq!(told, ["max_tokens", "max_completion_tokens"]);
            assert!(error.to_string().contains("use max_completion_tokens instead"), "{error}");
        }
    }

    #[test]
    fn an_unlimited_answer_is_asked_for_in_so_many_words() {
        for model in O1_SERIES {
            let unsaid = ChatCompletionRequest::builder(Deployment::new("o1-new").model(model.clone())).user("hi");
            assert_eq!(told(unsaid.clone(), false), ["max_completion_tokens"]);
            assert!(unsaid.uncapped().build().is_ok());
        }
        // the later models think as much, but no document asks for a limit
        let later = Deployment::new("d").model(Model::O3_MINI_2025_01_31);
        assert!(ChatCompletionRequest::builder(later).user("hi").build().is_ok());
    }

    #[test]
    fn the_documents_own_request_is_fine() {
        let o1 = Deployment::new("o1-new").model(Model::O1_2024_12_17);
        let request = ChatCompletionRequest::builder(o1)
            .developer("You are a helpful assistant.")
            .user("What steps should I think about when writing my first Python API?")
            .reasoning_effort(ReasoningEffort::Medium)
            .max_completion_tokens(5000)
            .build()
            .unwrap();
        assert_eq!(request.violations(Some(false), Some(&ApiVersion::V2024_12_01_PREVIEW)), []);
    }

    #[test]
    fn developer_messages_came_with_o1() {
        assert_eq!(told(ask(&Model::O1_2024_12_17).developer("a"), false), NOTHING);
        for older in [Model::O1_PREVIEW_2024_09_12, Model::O1_MINI_2024_09_12] {
            assert_eq!(told(ask(&older).developer("a"), false), ["messages[1].role"]);
        }
    }

    #[test]
    fn system_messages_are_refused_by_the_previews_and_read_as_developer_messages_by_o1() {
        for older in [Model::O1_PREVIEW_2024_09_12, Model::O1_MINI_2024_09_12] {
            assert_eq!(told(ask(&older).system("a"), false), ["messages[1].role"]);
        }
        let o1 = ask(&Model::O1_2024_12_17).system("a");
        assert_eq!(told(o1.clone(), false), NOTHING);
        assert!(advised(o1, &ApiVersion::V1).contains(&"messages".to_owned()));
    }

    #[test]
    fn one_request_has_developer_or_system_messages() {
        for model in [Model::O1_2024_12_17, Model::O3_MINI_2025_01_31, Model::GPT_5_2025_08_07] {
            assert_eq!(told(ask(&model).system("a").developer("b"), false), ["messages"], "{model}");
        }
        assert_eq!(told(ask(&Model::GPT_4O_2024_11_20).system("a").developer("b"), false), NOTHING);
    }

    #[test]
    fn the_effort_is_low_medium_or_high() {
        for effort in ["low", "medium", "high"] {
            assert_eq!(told(ask(&Model::O1_2024_12_17).reasoning_effort(effort), false), NOTHING);
        }
        for effort in ["none", "minimal", "xhigh", "Medium", ""] {
            let asked = ask(&Model::O1_2024_12_17).reasoning_effort(effort);
            assert_eq!(told(asked, false), ["reasoning_effort"], "{effort}");
        }
    }

    #[test]
    fn the_previews_have_no_effort() {
        for older in [Model::O1_PREVIEW_2024_09_12, Model::O1_MINI_2024_09_12] {
            for effort in ["low", "medium", "high"] {
                assert_eq!(told(ask(&older).reasoning_effort(effort), false), ["reasoning_effort"]);
            }
        }
    }

    #[test]
    fn no_o1_model_streams_and_o3_mini_does() {
        for model in O1_SERIES {
            assert_eq!(told(ask(&model), true), ["stream"], "{model}");
            assert_eq!(told(ask(&model), false), NOTHING, "{model}");
        }
        assert_eq!(told(ask(&Model::O3_MINI_2025_01_31), true), NOTHING);
    }

    #[test]
    fn o1_calls_tools_one_at_a_time_and_the_previews_none() {
        let with_tool = |model: &Model| ask(model).tool(Tool::function("f"));
        let o1 = with_tool(&Model::O1_2024_12_17);
        assert_eq!(told(o1.clone().tool_choice(ToolChoice::function("f")), false), NOTHING);
        assert_eq!(told(o1.parallel_tool_calls(true), false), ["parallel_tool_calls"]);
        for older in [Model::O1_PREVIEW_2024_09_12, Model::O1_MINI_2024_09_12] {
            assert_eq!(told(with_tool(&older), false), ["tools"]);
        }
    }

    #[test]
    fn o1_follows_schemas_and_sees_and_the_previews_do_not() {
        let schema = || {
            ResponseFormat::json_schema(
                "a",
                json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false}),
            )
            .strict(true)
        };
        let image = || Message::user_parts([ContentPart::image_url("https://contoso.com/a.png")]);
        let o1 = ask(&Model::O1_2024_12_17).response_format(schema()).message(image());
        assert_eq!(told(o1, false), NOTHING);
        for older in [Model::O1_PREVIEW_2024_09_12, Model::O1_MINI_2024_09_12] {
            assert_eq!(told(ask(&older).response_format(schema()), false), ["response_format"]);
            assert_eq!(told(ask(&older).message(image()), false), ["messages[1].content[0]"]);
        }
    }

    #[test]
    fn the_reasoning_is_part_of_the_limit() {
        let asked = |limit| ask(&Model::O3_MINI_2025_01_31).max_completion_tokens(limit);
        let about_limit = |asked| advised(asked, &ApiVersion::V1).contains(&"max_completion_tokens".to_owned());
        assert!(about_limit(asked(5000)));
        assert!(!about_limit(asked(25_000)));
    }

    #[test]
    fn each_feature_has_its_first_api_version() {
        let o1 = || ask(&Model::O1_2024_12_17);
        let (before, since) = (ApiVersion::V2024_10_21, ApiVersion::V2024_12_01_PREVIEW);
        for (asked, parameter) in
            [(o1().reasoning_effort(ReasoningEffort::Low), "reasoning_effort"), (o1().developer("a"), "messages")]
        {
            // advice, since the service was seen to answer all the same
            assert!(asked.clone().build_unchecked().violations(None, Some(&before)).is_empty());
            assert!(advised(asked.clone(), &before).contains(&parameter.to_owned()));
            assert!(!advised(asked, &since).contains(&parameter.to_owned()));
        }
        let limit = || o1().max_completion_tokens(30_000);
        let about = |version| advised(limit(), &version).contains(&"max_completion_tokens".to_owned());
        assert!(about(ApiVersion::V2024_08_01_PREVIEW));
        assert!(!about(ApiVersion::V2024_09_01_PREVIEW));
    }
}

mod predicted_outputs {
    use super::*;

    const TAKING: [Model; 6] = [
        Model::GPT_4O_MINI_2024_07_18,
        Model::GPT_4O_2024_08_06,
        Model::GPT_4O_2024_11_20,
        Model::GPT_4_1_2025_04_14,
        Model::GPT_4_1_MINI_2025_04_14,
        Model::GPT_4_1_NANO_2025_04_14,
    ];

    fn predicted() -> ChatCompletionRequestBuilder {
        ask(&Model::GPT_4O_MINI_2024_07_18).prediction("class User {}")
    }

    #[test]
    fn these_models_take_a_prediction() {
        for model in TAKING {
            for prediction in [Prediction::from("x"), Prediction::parts(["x", "y"])] {
                assert_eq!(told(ask(&model).prediction(prediction), false), NOTHING, "{model}");
            }
        }
    }

    #[test]
    fn no_other_model_does() {
        let others = [
            Model::GPT_4O_2024_05_13,
            Model::GPT_4_TURBO_2024_04_09,
            Model::GPT_35_TURBO_0125,
            Model::O1_2024_12_17,
            Model::O3_MINI_2025_01_31,
            Model::GPT_5_2025_08_07,
            Model::GPT_AUDIO_2025_08_28,
        ];
        for model in others {
            assert_eq!(told(ask(&model).prediction("x"), false), ["prediction"], "{model}");
        }
    }

    #[test]
    fn a_prediction_may_be_streamed() {
        for model in TAKING {
            assert_eq!(told(ask(&model).prediction("x"), true), NOTHING, "{model}");
        }
    }

    #[test]
    fn tools_and_functions_exclude_it() {
        assert_eq!(told(predicted().tool(Tool::function("f")), false), ["tools"]);
        assert_eq!(told(predicted().extra("functions", json!([{"name": "f"}])), false), ["functions"]);
    }

    #[test]
    fn sound_excludes_it() {
        let deployment = Deployment::new("d").model(Model::custom("mine", Capabilities::unknown()));
        let asked = || ChatCompletionRequest::builder(deployment.clone()).user("hi").prediction("x");
        let sound = Message::user_parts([ContentPart::input_audio(InputAudioFormat::Wav, b"beep")]);
        assert_eq!(told(asked().message(sound), false), ["messages"]);
        let speech = asked()
            .modalities([Modality::Text, Modality::Audio])
            .audio(AudioOutput::new(Voice::Alloy, AudioFormat::Wav));
        assert_eq!(told(speech, false), ["audio", "modalities"]);
        assert_eq!(told(asked().modalities([Modality::Text]), false), NOTHING);
    }

    #[test]
    fn a_second_answer_excludes_it() {
        assert_eq!(told(predicted().n(2), false), ["n"]);
        assert_eq!(told(predicted().n(1), false), NOTHING);
    }

    #[test]
    fn probabilities_exclude_it() {
        assert_eq!(told(predicted().logprobs(true), false), ["logprobs"]);
        assert_eq!(told(predicted().logprobs(false), false), NOTHING);
    }

    #[test]
    fn penalties_above_zero_exclude_it_and_others_do_not() {
        assert_eq!(told(predicted().presence_penalty(0.1), false), ["presence_penalty"]);
        assert_eq!(told(predicted().frequency_penalty(2.0), false), ["frequency_penalty"]);
        for penalty in [0.0, -0.0, -0.1, -2.0] {
            let asked = predicted().presence_penalty(penalty).frequency_penalty(penalty);
            assert_eq!(told(asked, false), NOTHING, "{penalty}");
        }
    }

    #[test]
    fn the_new_limit_excludes_it_and_the_old_does_not() {
        assert_eq!(told(predicted().max_completion_tokens(100), false), ["max_completion_tokens"]);
        assert_eq!(told(predicted().max_tokens(100), false), NOTHING);
    }

    #[test]
    fn everything_it_excludes_is_told_at_once() {
        let asked = predicted()
            .tool(Tool::function("f"))
            .n(3)
            .logprobs(true)
            .presence_penalty(1.0)
            .frequency_penalty(1.0)
            .max_completion_tokens(5);
        let expected = ["tools", "n", "logprobs", "presence_penalty", "frequency_penalty", "max_completion_tokens"];
        assert_eq!(told(asked, false), expected);
    }

    #[test]
    fn its_first_api_version_is_advice() {
        let before = ApiVersion::V2024_12_01_PREVIEW;
        let request = predicted().build().unwrap();
        assert!(request.violations(Some(true), Some(&before)).is_empty());
        assert!(advised(predicted(), &before).contains(&"prediction".to_owned()));
        for version in [ApiVersion::V2025_01_01_PREVIEW, ApiVersion::V1] {
            assert!(!advised(predicted(), &version).contains(&"prediction".to_owned()));
        }
    }

    #[test]
    fn a_deployment_of_an_unknown_model_is_asked_all_the_same() {
        let request = ChatCompletionRequest::builder(Deployment::new("edits")).user("hi").prediction("x");
        assert!(request.build().is_ok());
        let by_name = ChatCompletionRequest::builder("gpt-4o-mini").user("hi").prediction("x");
        assert!(by_name.build().is_ok());
    }
}
