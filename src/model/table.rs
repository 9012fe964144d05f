//! The built-in table: one line a model version.
//!
//! The columns, from left to right: the constant, name, version; how the model is reached (`chat`,
//! `responses` only, `neither`, `unclear`); one letter a parameter: `y` taken, `n` refused, `e` taken while the
//! effort in force is `none`, `?` unknown, `-` does not apply, `1` below; the efforts and their default;
//! how tools and the effort go together (`only_none`, `not_above` an explicit `none`); tokens in and out, in
//! brackets where the sources print the figure with a remark; the first api version; the day of the last look
//! at the sources; the status as they print it; the sources. After a colon: the rules of that model alone.
//!
//! The groups of letters: **s**ampling (`temperature`, `top_p`), **p**enalties, **l**ogprobs,
//! logit **b**ias · **v**isible limit (`max_tokens`), **c**ompletion limit (`max_completion_tokens`) ·
//! **v**erbosity, **d**eveloper role, **s**ystem role · structured **o**utputs, **t**ools, **p**arallel
//! calls · **i**mages, **a**udio, **p**rediction · **s**treaming, **n** above 1, **x** for `stop`.
//!
//! Under sampling, `1` is `n` but for `temperature: 1`, and so is `e` above the effort `none`: the service
//! answers these models' other temperatures with `unsupported_value`, and that 1, the default, is supported. It was seen for gpt-5
//! (litellm#13397, deepeval#3015), gpt-5-mini (NextChat#6604), gpt-5.2-chat (aider#4707), o3 (vscode#261278),
//! o4-mini (obot#2862) and o1-preview and o1-mini (dify#10053); the later gpt models are taken to be alike. o1
//! (cline#2643) and o3-mini (obot#2862) answer `unsupported_parameter` and refuse 1, too.
//!
//! The efforts are written by their first letters: `n`one, `M`inimal, `l`ow, `m`edium, `h`igh, `x`high;
//! `any` when they are taken but not listed, `refused` when there are none.
//!
//! Sources are keys, which [`Capabilities::sources`] spells out.
//!
//! Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/models>

use std::borrow::Cow;

use super::language_model::Description;
use super::parameter::{COLUMNS, Cells};
use super::{ApiVersion, Capabilities, Family, Model, Parameter, ReasoningEffort, Support, ToolsAndEffort};

/// Makes a [`Model`] constant from each line. The functions below read the columns; a word without a meaning there does
/// not compile, since the lines are evaluated by the compiler, where `unreachable!` is an error.
macro_rules! table {
    ($(
        $Family:ident { $(
            $ID:ident $name:literal $version:literal $reach:ident $letters:literal
            $efforts:tt $default:tt $both:tt $context:tt $output:tt $since:tt
            $checked:literal $status:literal $source:literal $(: $($rule:ident)+)?;
        )* }
    )*) => {
        /// The models of the built-in table.
        impl Model { $($(
            #[doc = concat!("`", $name, "`, version `", $version, "`.")]
            ///
            #[doc = concat!("State at the last look, on ", $checked, ": ", $status, ".")]
            ///
            /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/models>
            pub const $ID: Self = {
                static LINE: Description = Description {
                    name: Cow::Borrowed($name),
                    version: Some(Cow::Borrowed($version)),
                    capabilities: Capabilities {
                        family: Family::$Family,
                        chat_completions: chat_completions(stringify!($reach)),
                        responses_only: matches!(stringify!($reach).as_bytes(), b"responses"),
                        cells: cells($letters, stringify!($efforts)),
                        efforts: Cow::Borrowed(efforts(stringify!($efforts))),
                        default_reasoning_effort: default_effort(stringify!($default)),
                        only_default_temperature: matches!($letters.as_bytes(), [b'1' | b'e', ..]),
                        tools_and_effort: tools_and_effort(stringify!($both)),
                        context_tokens: tokens!($context),
                        max_output_tokens: tokens!($output),
                        output_limit_enforced: !matches!(stringify!($output).as_bytes(), [b'[', ..]),
                        min_api_version: since!($since),
                        status: Cow::Borrowed($status),
                        source: Cow::Borrowed($source),
                        checked: Cow::Borrowed($checked),
                        $($( $rule: true, )+)?
                        ..Capabilities::UNKNOWN
                    },
                };
                Self::listed(&LINE)
            };
        )*)* }

        /// Every model of the table, in its order.
        pub(super) fn models() -> impl Iterator<Item = Model> {
            [$($( Model::$ID ),*),*].into_iter()
        }
    };
}

macro_rules! tokens {
    (?) => {
        None
    };
    ([$count:literal]) => {
        Some($count)
    };
    ($count:literal) => {
        Some($count)
    };
}

macro_rules! since {
    ($version:ident) => {
        Some(ApiVersion::$version)
    };
    (?) => {
        None
    };
    (-) => {
        None
    };
}

table! {
    Standard {
        // constant                       name                        version            reach      s p l b  v c  v d s  o t p  i a p  s n x  effort  default both      context   output   since               checked      status sources
        GPT_35_TURBO_0125                    "gpt-35-turbo"              "0125"             chat      "y y ? y  y ?  n ? y  n y y  n n n  y y ?" refused -       -         16_385    4_096    V2023_12_01_PREVIEW "2026-11-27" "off the schedule by 2025-12 (retired)" "D18;D16;D17";
        GPT_35_TURBO_0301                    "gpt-35-turbo"              "0301"             chat      "y y ? y  y ?  n ? y  n n n  n n n  y y ?" refused -       -         4_096     [4_096]  V2023_03_15_PREVIEW "2026-11-27" "retired 2025-02-13" "D18;D17;D7";
        GPT_35_TURBO_0613                    "gpt-35-turbo"              "0613"             chat      "y y ? y  y ?  n ? y  n y n  n n n  y y ?" refused -       -         4_096     [4_096]  V2023_07_01_PREVIEW "2026-11-27" "retired 2025-02-13" "D18;D17;D7";
        GPT_35_TURBO_1106                    "gpt-35-turbo"              "1106"             chat      "y y ? y  y ?  n ? y  n y y  n n n  y y ?" refused -       -         16_385    4_096    V2023_12_01_PREVIEW "2026-11-27" "off the schedule by 2025-12 (retired)" "D18;D16;D17";
        GPT_35_TURBO_16K_0613                "gpt-35-turbo-16k"          "0613"             chat      "y y ? y  y ?  n ? y  n y n  n n n  y y ?" refused -       -         16_384    [16_384] V2023_07_01_PREVIEW "2026-11-27" "retired 2025-04-30" "D18;D17;D7";
        GPT_4_0125_PREVIEW                   "gpt-4"                     "0125-Preview"     chat      "y y ? y  y ?  n ? y  n y y  n n n  y y ?" refused -       -         128_000   4_096    V2023_12_01_PREVIEW "2026-11-27" "superseded by turbo-2024-04-09 (retired)" "D18;D17;D7";
        GPT_4_0314                           "gpt-4"                     "0314"             chat      "y y ? y  y ?  n ? y  n n n  n n n  y y ?" refused -       -         8_192     [8_192]  V2023_03_15_PREVIEW "2026-11-27" "retired 2025-06-06" "D18;D17;D7";
        GPT_4_0613                           "gpt-4"                     "0613"             chat      "y y ? y  y ?  n ? y  n y n  n n n  y y ?" refused -       -         8_192     [8_192]  V2023_07_01_PREVIEW "2026-11-27" "retired 2025-06-06" "D18;D17;D7";
        GPT_4_1106_PREVIEW                   "gpt-4"                     "1106-Preview"     chat      "y y ? y  y ?  n ? y  n y y  n n n  y y ?" refused -       -         128_000   4_096    V2023_12_01_PREVIEW "2026-11-27" "superseded by turbo-2024-04-09 (retired)" "D18;D17;D7";
        GPT_4_TURBO_2024_04_09               "gpt-4"                     "turbo-2024-04-09" chat      "y y ? y  y ?  n ? y  n y y  y n n  y y ?" refused -       -         128_000   [4_096]  ?                   "2026-11-27" "aka gpt-4-turbo; off the schedule by 2025-12 (retired)" "D18;D16;D17";
        GPT_4_VISION_PREVIEW                 "gpt-4"                     "vision-preview"   chat      "y y ? ?  y ?  n ? y  n n n  y n n  y ? ?" refused -       -         128_000   [4_096]  V2023_12_01_PREVIEW "2026-11-27" "superseded by turbo-2024-04-09 (retired)" "D18;D17;D7";
        GPT_4_32K_0314                       "gpt-4-32k"                 "0314"             chat      "y y ? y  y ?  n ? y  n n n  n n n  y y ?" refused -       -         32_768    [32_768] V2023_03_15_PREVIEW "2026-11-27" "retired 2025-06-06" "D18;D17;D7";
        GPT_4_32K_0613                       "gpt-4-32k"                 "0613"             chat      "y y ? y  y ?  n ? y  n y n  n n n  y y ?" refused -       -         32_768    [32_768] V2023_07_01_PREVIEW "2026-11-27" "retired 2025-06-06" "D18;D17;D7";
        GPT_4_1_2025_04_14                   "gpt-4.1"                   "2025-04-14"       chat      "y y y y  y y  n ? y  y y y  y n y  y y ?" refused -       -         1_047_576 32_768   ?                   "2026-11-27" "Legacy; retirement 2027-04-14 (older schedules: 2026-10-14)" "D4;D5;D8;function-calling@M";
        GPT_4_1_MINI_2025_04_14              "gpt-4.1-mini"              "2025-04-14"       chat      "y y y y  y y  n ? y  y y y  y n y  y y ?" refused -       -         1_047_576 32_768   V2024_12_01_PREVIEW "2026-11-27" "Legacy; retirement 2027-04-14 (older schedules: 2026-10-14)" "D4;D5;D8;function-calling@M";
        GPT_4_1_NANO_2025_04_14              "gpt-4.1-nano"              "2025-04-14"       chat      "y y y y  y y  n ? y  y y n  y n y  y y ?" refused -       -         1_047_576 32_768   ?                   "2026-11-27" "Legacy; retirement 2027-04-14 (older schedules: 2026-10-14)" "D4;D5;D8;function-calling@M";
        GPT_4_5_PREVIEW_2025_02_27           "gpt-4.5-preview"           "2025-02-27"       chat      "y y ? y  y ?  n ? y  y y ?  y n n  y y ?" refused -       -         128_000   16_384   ?                   "2026-11-27" "retired 2025-07-14" "D18;D17";
        GPT_4O_2024_05_13                    "gpt-4o"                    "2024-05-13"       chat      "y y y y  y ?  n ? y  n y y  y n n  y y ?" refused -       -         128_000   4_096    ?                   "2026-11-27" "retirement 2026-10-01" "D4;D5;D8;structured-outputs@M";
        GPT_4O_2024_08_06                    "gpt-4o"                    "2024-08-06"       chat      "y y y y  y y  n ? y  y y y  y n y  y y ?" refused -       -         128_000   16_384   ?                   "2026-11-27" "Legacy; retirement 2027-04-14 (older schedules: 2026-10-01)" "D4;D5;D8;structured-outputs@M";
        GPT_4O_2024_11_20                    "gpt-4o"                    "2024-11-20"       chat      "y y y y  y y  n ? y  y y y  y n y  y y ?" refused -       -         128_000   16_384   ?                   "2026-11-27" "Legacy; retirement 2027-04-14 (older schedules: 2026-10-01)" "D4;D5;D8;structured-outputs@M;W1";
        GPT_4O_MINI_2024_07_18               "gpt-4o-mini"               "2024-07-18"       chat      "y y y y  y y  n ? y  y y y  y n y  y y ?" refused -       -         128_000   16_384   ?                   "2026-11-27" "Deprecated; retirement 2027-04-14 (older schedules: 2026-10-01)" "D4;D5;D8;structured-outputs@M";
        GPT_5_CHAT_2025_08_07                "gpt-5-chat"                "2025-08-07"       chat      "y ? ? ?  ? ?  ? ? y  ? ? ?  y n n  y ? ?" refused -       -         128_000   16_384   ?                   "2026-11-27" "Preview; retired 2026-06-29" "D4;D5;D5b";
        GPT_5_CHAT_2025_10_03                "gpt-5-chat"                "2025-10-03"       chat      "y ? ? ?  ? ?  ? ? y  ? ? ?  y n n  y ? ?" refused -       -         128_000   16_384   ?                   "2026-11-27" "Preview; retired 2026-05-13 (D5; D5b says 2026-06-29)" "D4;D5;D5b";
    }
    Reasoning {
        // constant                       name                        version            reach      s p l b  v c  v d s  o t p  i a p  s n x  effort  default both      context   output   since               checked      status sources
        CODEX_MINI_2025_05_16                "codex-mini"                "2025-05-16"       responses "n n n n  n -  n y y  y y n  y n n  y ? ?" lmh     medium  -         200_000   100_000  -                   "2026-11-27" "retirement 2026-11-15" "D1;D4;D5";
        GPT_5_2025_08_07                     "gpt-5"                     "2025-08-07"       chat      "1 n n n  n y  y y y  y y y  y n n  y ? n" Mlmh    medium  -         272_000   128_000  V1                  "2026-11-27" "retirement 2027-02-09" "D1;D2;D4;D5";
        GPT_5_CODEX_2025_09_15               "gpt-5-codex"               "2025-09-15"       responses "n n n n  n -  y y y  y y y  y n n  y ? ?" lmh     medium  -         272_000   128_000  -                   "2026-11-27" "retirement 2027-03-17; models page prints 2025-09-11" "D1;D2;D4;D5";
        GPT_5_MINI_2025_08_07                "gpt-5-mini"                "2025-08-07"       chat      "1 n n n  n y  y y y  y y y  y n n  y ? n" Mlmh    medium  -         272_000   128_000  V1                  "2026-11-27" "retirement 2027-02-09" "D1;D2;D4;D5";
        GPT_5_NANO_2025_08_07                "gpt-5-nano"                "2025-08-07"       chat      "1 n n n  n y  y y y  y y y  y n n  y ? n" Mlmh    medium  -         272_000   128_000  V1                  "2026-11-27" "retirement 2027-02-09" "D1;D2;D4;D5;REC";
        GPT_5_PRO_2025_10_06                 "gpt-5-pro"                 "2025-10-06"       responses "n n n n  n -  y y y  y y n  y n n  n ? ?" h       high    -         272_000   128_000  -                   "2026-11-27" "retirement 2027-04-07" "D1;D2;D4;D5";
        GPT_5_1_2025_11_13                   "gpt-5.1"                   "2025-11-13"       chat      "e e e n  n y  y y y  y y y  y n n  y ? ?" nlmh    none    -         272_000   128_000  V1                  "2026-11-27" "retirement 2027-05-15" "D1;D2;D4;D5";
        GPT_5_1_CHAT_2025_11_13              "gpt-5.1-chat"              "2025-11-13"       chat      "1 n n n  n y  ? y y  y y y  y n n  y ? ?" ?       ?       -         111_616   16_384   ?                   "2026-11-27" "Preview; retired 2026-06-29" "D1;D4;D5";
        GPT_5_1_CODEX_2025_11_13             "gpt-5.1-codex"             "2025-11-13"       responses "n n n n  n -  y y y  y y y  y n n  y ? ?" nlmh    none    -         272_000   128_000  -                   "2026-11-27" "retirement 2027-05-15; chat stopped about 2025-12-09" "D1;D4;D5;langchain-azure#228";
        GPT_5_1_CODEX_MAX_2025_12_04         "gpt-5.1-codex-max"         "2025-12-04"       responses "n n n n  n -  y y y  y y y  y n n  y ? ?" lmhx    ?       -         272_000   128_000  -                   "2026-11-27" "retirement 2027-05-18; none: footnote yes - models page no" "D1;D2;D4;D5";
        GPT_5_1_CODEX_MINI_2025_11_13        "gpt-5.1-codex-mini"        "2025-11-13"       responses "n n n n  n -  y y y  y y y  y n n  y ? ?" nlmh    ?       -         272_000   128_000  -                   "2026-11-27" "retirement 2027-05-15" "D1;D2;D4;D5";
        GPT_5_2_2025_12_11                   "gpt-5.2"                   "2025-12-11"       chat      "e e e n  n y  y y y  y y y  y n n  y ? ?" nlmhx   ?       -         272_000   128_000  V1                  "2026-11-27" "retirement 2027-06-08; xhigh by v1 schema only" "D1;D4;D5;v1 schema@M";
        GPT_5_2_CHAT_2025_12_11              "gpt-5.2-chat"              "2025-12-11"       chat      "? ? ? ?  ? ?  ? ? y  y y y  ? n n  y ? ?" ?       ?       -         111_616   16_384   ?                   "2026-11-27" "Preview; retired 2026-05-13" "D4;D4b;D5;function-calling@M";
        GPT_5_2_CHAT_2026_02_10              "gpt-5.2-chat"              "2026-02-10"       chat      "? ? ? ?  ? ?  ? ? y  y y y  ? n n  y ? ?" ?       ?       -         111_616   16_384   ?                   "2026-11-27" "Preview; retired 2026-06-29" "D4;D4b;D5;function-calling@M";
        GPT_5_2_CODEX_2026_01_14             "gpt-5.2-codex"             "2026-01-14"       responses "n n n n  n -  y y y  y y y  y n n  y ? ?" ?       ?       -         272_000   128_000  -                   "2026-11-27" "retirement 2027-07-13" "D1;D2;D4;D5";
        GPT_5_3_CHAT_2026_03_03              "gpt-5.3-chat"              "2026-03-03"       chat      "? ? ? ?  ? ?  ? ? y  y y y  ? n n  y ? ?" ?       ?       -         111_616   16_384   ?                   "2026-11-27" "Preview; retired 2026-06-29" "D4;D4b;D5;function-calling@M";
        GPT_5_3_CODEX_2026_02_24             "gpt-5.3-codex"             "2026-02-24"       responses "n n n n  n -  y y y  y y y  y n n  y ? ?" ?       ?       -         272_000   128_000  -                   "2026-11-27" "retirement 2027-08-24" "D1;D2;D4;D5";
        GPT_5_4_2026_03_05                   "gpt-5.4"                   "2026-03-05"       chat      "e e e n  n y  y y y  y y y  y n n  y ? ?" nlmhx   ?       not_above 922_000   128_000  V1                  "2026-11-27" "retirement 2027-09-02" "D1;D4;D5;llm_wiki#610";
        GPT_5_4_MINI_2026_03_17              "gpt-5.4-mini"              "2026-03-17"       chat      "e e e n  n y  y y y  y y y  y n n  y y n" nlmhx   none    not_above 272_000   128_000  V1                  "2026-11-27" "retirement 2027-09-21" "D1;D2;D4;D5;W1";
        GPT_5_4_NANO_2026_03_17              "gpt-5.4-nano"              "2026-03-17"       chat      "e e e n  n y  y y y  y y y  y n n  y ? ?" nlmhx   ?       not_above 272_000   128_000  V1                  "2026-11-27" "retirement 2027-09-21" "D1;D2;D4;D5;W5";
        GPT_5_4_PRO_2026_03_05               "gpt-5.4-pro"               "2026-03-05"       responses "n n n n  n -  y y y  ? y n  y n n  y ? ?" ?       ?       -         922_000   128_000  -                   "2026-11-27" "retirement 2027-09-07" "D1;D2;D4;D5";
        GPT_5_5_2026_04_24                   "gpt-5.5"                   "2026-04-24"       chat      "1 n n n  n y  y y y  y y y  y n n  y ? ?" nlmhx   ?       not_above 922_000   128_000  V1                  "2026-11-27" "retirement 2027-10-26" "D1;D2;D4;D5;W5";
        GPT_5_6_LUNA_2026_07_09              "gpt-5.6-luna"              "2026-07-09"       chat      "e e e n  n y  y y y  y y y  y n n  y y n" nlmhx   medium  only_none 922_000   128_000  V1                  "2026-11-27" "retirement 2028-01-11; D1 header says 2026-06-25" "D1;D4;D5;vane#1173;openclaude#1957;W1";
        GPT_5_6_SOL_2026_07_09               "gpt-5.6-sol"               "2026-07-09"       chat      "e e e n  n y  y y y  y y y  y n n  y y n" nlmhx   medium  only_none 922_000   128_000  V1                  "2026-11-27" "retirement 2028-01-11; D1 header says 2026-06-25" "D1;D4;D5;vane#1173;openclaude#1957;W1";
        GPT_5_6_TERRA_2026_07_09             "gpt-5.6-terra"             "2026-07-09"       chat      "e e e n  n y  y y y  y y y  y n n  y y n" nlmhx   medium  only_none 922_000   128_000  V1                  "2026-11-27" "retirement 2028-01-11; D1 header says 2026-06-25" "D1;D4;D5;vane#1173;openclaude#1957;W1";
        GPT_6_ASTRA_2026_09_03               "gpt-6-astra"               "2026-09-03"       chat      "e e ? n  n y  y ? ?  y y y  y n n  y ? ?" nlmhx   medium  only_none 922_000   128_000  V1                  "2026-11-27" "available" "D4;D1 (general reasoning rules);W2";
        GPT_6_LUNA_2026_09_22                "gpt-6-luna"                "2026-09-22"       chat      "e e e n  n y  y ? ?  y y y  y n n  y ? ?" nlmhx   medium  only_none 922_000   128_000  V1                  "2026-11-27" "available" "D4;D1 (general reasoning rules);W3";
        GPT_6_SOL_2026_09_22                 "gpt-6-sol"                 "2026-09-22"       chat      "e e e n  n y  y ? ?  y y y  y n n  y ? ?" nlmhx   medium  only_none 922_000   128_000  V1                  "2026-11-27" "available" "D4;D1 (general reasoning rules);W3";
        GPT_6_1_SOL_2026_09_29               "gpt-6.1-sol"               "2026-09-29"       chat      "1 n n n  n y  y ? ?  y n n  y n n  y ? ?" lmhx    medium  -         922_000   128_000  V1                  "2026-11-27" "available; tools on Responses only" "D4;D1 (general reasoning rules);W4";
        GPT_CHAT_LATEST_2026_05_05           "gpt-chat-latest"           "2026-05-05"       chat      "1 n n n  n y  ? ? y  y y y  ? n n  y ? ?" refused -       -         111_616   16_384   ?                   "2026-11-27" "Preview; retirement 2026-08-05; fixed nonzero reasoning - effort not configurable" "D4;D5;D1 (general reasoning rules)": answers_as_another;
        GPT_CHAT_LATEST_2026_05_28           "gpt-chat-latest"           "2026-05-28"       chat      "1 n n n  n y  ? ? y  y y y  ? n n  y ? ?" refused -       -         111_616   16_384   ?                   "2026-11-27" "Preview; retirement 2026-08-28; fixed nonzero reasoning - effort not configurable" "D4;D5;D1 (general reasoning rules)": answers_as_another;
        GPT_CHAT_LATEST_2026_06_24           "gpt-chat-latest"           "2026-06-24"       chat      "1 n n n  n y  ? ? y  y y y  ? n n  y ? ?" refused -       -         111_616   16_384   ?                   "2026-11-27" "Preview; retirement 2026-09-24; fixed nonzero reasoning - effort not configurable" "D4;D5;D1 (general reasoning rules)": answers_as_another;
        GPT_CHAT_LATEST_2026_08_06           "gpt-chat-latest"           "2026-08-06"       chat      "1 n n n  n y  ? ? y  y y y  ? n n  y ? ?" refused -       -         272_000   128_000  ?                   "2026-11-27" "Preview; retirement 2026-12-02; fixed nonzero reasoning - effort not configurable" "D4;D5;D1 (general reasoning rules)": answers_as_another;
        GPT_OSS_120B_1                       "gpt-oss-120b"              "1"                chat      "? ? ? ?  ? ?  n ? ?  y y ?  n n n  y ? ?" ?       ?       -         131_072   131_072  ?                   "2026-11-27" "Preview" "D4";
        GPT_OSS_20B_11                       "gpt-oss-20b"               "11"               chat      "? ? ? ?  ? ?  n ? ?  y y ?  n n n  y ? ?" ?       ?       -         131_072   131_072  ?                   "2026-11-27" "Preview; managed compute" "D4";
        O1_2024_12_17                        "o1"                        "2024-12-17"       chat      "n n n n  n y  n y y  y y n  y n n  n ? ?" lmh     medium  -         200_000   100_000  V2024_12_01_PREVIEW "2026-11-27" "Deprecated; retirement 2026-11-19 (earlier schedules: 2026-10-21; 2026-07-15)" "seedA;D1;D3;D5;litellm#7693": max_completion_tokens_required system_becomes_developer;
        O1_MINI_2024_09_12                   "o1-mini"                   "2024-09-12"       chat      "1 n n n  n y  n n n  n n n  n n n  n ? ?" refused -       -         128_000   65_536   V2024_09_01_PREVIEW "2026-11-27" "no earlier than 2025-09-26; off the schedule by 2025-12 (D4 still lists it)" "seedA;D3;D16;LibreChat#4379": max_completion_tokens_required;
        O1_PREVIEW_2024_09_12                "o1-preview"                "2024-09-12"       chat      "1 n n n  n y  n n n  n n n  n n n  n ? ?" refused -       -         128_000   32_768   V2024_09_01_PREVIEW "2026-11-27" "retired 2025-07-28" "seedA;D3;D17;dify#9746;LibreChat#4379": max_completion_tokens_required;
        O1_PRO_2025_03_19                    "o1-pro"                    "2025-03-19"       unclear   "n n n n  n ?  n ? ?  ? ? ?  ? n n  ? ? ?" ?       ?       -         ?         ?        ?                   "2026-11-27" "retirement 2026-10-21" "D5";
        O3_2025_04_16                        "o3"                        "2025-04-16"       chat      "1 n n n  n y  n y y  y y n  y n n  y ? n" lmh     medium  -         200_000   100_000  V2025_04_01_PREVIEW "2026-11-27" "retirement 2026-11-19 (earlier schedule: 2026-10-21); streaming is limited access" "D1;D2;D4;D5";
        O3_DEEP_RESEARCH_2025_06_26          "o3-deep-research"          "2025-06-26"       responses "n n n n  n -  n ? ?  ? ? ?  ? n n  ? ? ?" ?       ?       -         ?         ?        -                   "2026-11-27" "agent service only; retirement 2026-12-26" "D5b;M:model-retirement-schedule";
        O3_MINI_2025_01_31                   "o3-mini"                   "2025-01-31"       chat      "n n n n  n y  n y y  y y n  n n n  y ? ?" lmh     medium  -         200_000   100_000  V2024_12_01_PREVIEW "2026-11-27" "Deprecated; retirement 2026-11-19 (earlier schedules: 2026-10-01; 2026-08-02)" "D1;D4;D5";
        O3_PRO_2025_06_10                    "o3-pro"                    "2025-06-10"       responses "n n n n  n -  n y y  y y n  y n n  n ? ?" lmh     medium  -         200_000   100_000  -                   "2026-11-27" "retirement 2026-12-17" "D1;D5;chatwise-releases#942";
        O4_MINI_2025_04_16                   "o4-mini"                   "2025-04-16"       chat      "1 n n n  n y  n y y  y y n  y n n  y ? n" lmh     medium  -         200_000   100_000  V2025_04_01_PREVIEW "2026-11-27" "retirement 2026-11-19 (earlier schedule: 2026-10-16)" "D1;D2;D4;D5";
    }
    Audio {
        // constant                       name                        version            reach      s p l b  v c  v d s  o t p  i a p  s n x  effort  default both      context   output   since               checked      status sources
        GPT_4O_AUDIO_PREVIEW_2024_12_17      "gpt-4o-audio-preview"      "2024-12-17"       chat      "? ? ? ?  ? ?  n ? y  n ? ?  ? y n  ? ? ?" -       -       -         128_000   16_384   V2025_01_01_PREVIEW "2026-11-27" "Preview; retired about 2026-02" "D4;D5;D20;structured-outputs@M;audio-completions-quickstart@M";
        GPT_4O_MINI_AUDIO_PREVIEW_2024_12_17 "gpt-4o-mini-audio-preview" "2024-12-17"       chat      "? ? ? ?  ? ?  n ? y  n ? ?  ? y n  ? ? ?" -       -       -         128_000   16_384   V2025_01_01_PREVIEW "2026-11-27" "Preview; retired about 2026-02" "D4;D5;D20;structured-outputs@M;audio-completions-quickstart@M";
        GPT_AUDIO_2025_08_28                 "gpt-audio"                 "2025-08-28"       chat      "? ? ? ?  ? ?  n ? y  ? ? ?  ? y n  ? ? ?" -       -       -         128_000   16_384   V2025_01_01_PREVIEW "2026-11-27" "GA; retirement 2027-03-02" "D4;D5;D20;structured-outputs@M;audio-completions-quickstart@M";
        GPT_AUDIO_1_5_2026_02_23             "gpt-audio-1.5"             "2026-02-23"       chat      "? ? ? ?  ? ?  n ? y  ? ? ?  ? y n  ? ? ?" -       -       -         128_000   16_384   V2025_01_01_PREVIEW "2026-11-27" "GA; retirement 2027-08-24" "D4;D5;D20;structured-outputs@M;audio-completions-quickstart@M";
        GPT_AUDIO_MINI_2025_10_06            "gpt-audio-mini"            "2025-10-06"       chat      "? ? ? ?  ? ?  n ? y  ? ? ?  ? y n  ? ? ?" -       -       -         128_000   16_384   V2025_01_01_PREVIEW "2026-11-27" "GA; retirement 2027-04-06" "D4;D5;D20;structured-outputs@M;audio-completions-quickstart@M";
        GPT_AUDIO_MINI_2025_12_15            "gpt-audio-mini"            "2025-12-15"       chat      "? ? ? ?  ? ?  n ? y  ? ? ?  ? y n  ? ? ?" -       -       -         128_000   16_384   V2025_01_01_PREVIEW "2026-11-27" "GA; retirement 2027-06-15" "D4;D5;D20;structured-outputs@M;audio-completions-quickstart@M";
    }
    Other {
        // constant                       name                        version            reach      s p l b  v c  v d s  o t p  i a p  s n x  effort  default both      context   output   since               checked      status sources
        COMPUTER_USE_PREVIEW_2025_03_11      "computer-use-preview"      "2025-03-11"       responses "? ? ? ?  ? -  ? ? ?  ? y ?  y n n  ? ? ?" ?       ?       -         8_192     1_024    -                   "2026-11-27" "Responses only" "D4;D18";
        GPT_35_TURBO_INSTRUCT_0914           "gpt-35-turbo-instruct"     "0914"             neither   "- - - -  - -  n - -  - - -  n n n  - - ?" -       -       -         4_097     [4_097]  -                   "2026-11-27" "completions API only; off the schedule by 2025-12 (retired)" "D18;D16";
        MODEL_ROUTER_2025_05_19              "model-router"              "2025-05-19"       chat      "y y y y  ? ?  ? ? y  ? ? ?  ? ? ?  ? ? ?" -       -       -         200_000   ?        V2024_10_21         "2026-11-27" "Preview; retirement 2026-08-30" "D4;D5;model-router@M": answers_as_another;
        MODEL_ROUTER_2025_08_07              "model-router"              "2025-08-07"       chat      "y y y y  ? ?  ? ? y  ? ? ?  ? ? ?  ? ? ?" -       -       -         200_000   ?        V2024_10_21         "2026-11-27" "Preview; retirement 2026-08-30" "D4;D5;model-router@M": answers_as_another;
        MODEL_ROUTER_2025_11_18              "model-router"              "2025-11-18"       chat      "y y y y  y y  ? ? y  y y y  y ? ?  y y ?" any     ?       -         200_000   ?        V2024_10_21         "2026-11-27" "GA; retirement 2027-05-20" "D4;D5;model-router@M;W1": answers_as_another;
    }
}

const fn chat_completions(reach: &str) -> Support {
    match reach.as_bytes() {
        b"chat" => Support::Yes,
        b"responses" | b"neither" => Support::No,
        b"unclear" => Support::Unknown,
        _ => unreachable!(),
    }
}

/// What a model supports by its line of the table: a letter for each of [`COLUMNS`] but that of the efforts.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn cells(letters: &str, efforts: &str) -> Cells {
    let (mut cells, mut letters) = ([Support::Unknown; Parameter::ALL.len()], letters.as_bytes());
    let mut column = 0;
    while column < COLUMNS.len() {
        let (_, parameters) = COLUMNS[column];
        let support = match parameters {
            [Parameter::ReasoningEffort] => effort_cell(efforts),
            _ => {
                while let [b' ', rest @ ..] = letters {
                    letters = rest;
                }
                let [letter, rest @ ..] = letters else { unreachable!() };
                letters = rest;
                cell(*letter)
            }
        };
        let mut at = 0;
        while at < parameters.len() {
            cells[parameters[at] as usize] = support;
            at += 1;
        }
        column += 1;
    }
    assert!(letters.is_empty());
    Cells::of(cells)
}

const fn effort_cell(efforts: &str) -> Support {
    match efforts.as_bytes() {
        b"?" | b"-" => Support::Unknown,
        b"refused" => Support::No,
        _ => Support::Yes,
    }
}

const fn cell(letter: u8) -> Support {
    match letter {
        b'y' => Support::Yes,
        b'n' | b'1' => Support::No,
        b'e' => Support::EffortNone,
        b'?' | b'-' => Support::Unknown,
        _ => unreachable!(),
    }
}

const fn efforts(letters: &str) -> &'static [ReasoningEffort] {
    use ReasoningEffort::{High, Low, Medium, Minimal, None, Xhigh};
    match letters.as_bytes() {
        b"nlmh" => const { &[None, Low, Medium, High] },
        b"nlmhx" => const { &[None, Low, Medium, High, Xhigh] },
        b"Mlmh" => const { &[Minimal, Low, Medium, High] },
        b"lmh" => const { &[Low, Medium, High] },
        b"lmhx" => const { &[Low, Medium, High, Xhigh] },
        b"h" => const { &[High] },
        b"any" | b"refused" | b"?" | b"-" => &[],
        _ => unreachable!(),
    }
}

const fn default_effort(word: &str) -> Option<ReasoningEffort> {
    match word.as_bytes() {
        b"none" => Some(ReasoningEffort::None),
        b"medium" => Some(ReasoningEffort::Medium),
        b"high" => Some(ReasoningEffort::High),
        b"?" | b"-" => None,
        _ => unreachable!(),
    }
}

const fn tools_and_effort(word: &str) -> ToolsAndEffort {
    match word.as_bytes() {
        b"-" => ToolsAndEffort::Any,
        b"only_none" => ToolsAndEffort::OnlyWithNone,
        b"not_above" => ToolsAndEffort::NotAboveNone,
        _ => unreachable!(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};
    use std::io::Write as _;
    use std::path::Path;

    use super::*;
    use crate::model::{Lifecycle, Parameter, ReasoningEffort, Support};

    /// The columns of the comparison table that hold one verdict, and the parameters they stand for.
    const VERDICTS: &[(&str, &[Parameter])] = &[
        ("temperature_top_p", &[Parameter::Temperature, Parameter::TopP]),
        ("penalties", &[Parameter::PresencePenalty, Parameter::FrequencyPenalty]),
        ("logprobs", &[Parameter::Logprobs, Parameter::TopLogprobs]),
        ("logit_bias", &[Parameter::LogitBias]),
        ("max_tokens", &[Parameter::MaxTokens]),
        ("max_completion_tokens", &[Parameter::MaxCompletionTokens]),
        ("verbosity", &[Parameter::Verbosity]),
        ("developer_role", &[Parameter::DeveloperMessages]),
        ("system_role", &[Parameter::SystemMessages]),
        ("structured_outputs", &[Parameter::StructuredOutputs]),
        ("tools", &[Parameter::Tools]),
        ("parallel_tool_calls", &[Parameter::ParallelToolCalls]),
        ("image_input", &[Parameter::Images]),
        ("audio", &[Parameter::Audio]),
        ("prediction", &[Parameter::Prediction]),
        ("streaming", &[Parameter::Streaming]),
        ("n_gt_1", &[Parameter::MultipleChoices]),
        ("stop", &[Parameter::Stop]),
    ];

    /// The columns that hold anything else, each with a comparison of its own below.
    const OTHERS: &[&str] = &[
        "model",
        "version",
        "family",
        "chat_completions",
        "responses_only",
        "min_api_version",
        "reasoning_effort",
        "reasoning_effort_default",
        "tools_and_effort",
        "context_in",
        "max_out",
        "retired_or_status",
        "source",
    ];

    fn verdict(cell: &str) -> Support {
        match cell {
            "yes" => Support::Yes,
            "no" => Support::No,
            "effort none" => Support::EffortNone,
            "unknown" | "n/a" => Support::Unknown,
            other => panic!("'{other}' is no verdict"),
        }
    }

    fn leading_number(cell: &str) -> Option<u64> {
        let digits: String = cell.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    }

    fn efforts(row: &HashMap<&str, &str>) -> (Support, Vec<ReasoningEffort>) {
        match row["reasoning_effort"] {
            "" if row["family"] == "reasoning" => (Support::No, Vec::new()),
            "no" => (Support::No, Vec::new()),
            "" | "unknown" => (Support::Unknown, Vec::new()),
            "passed to routed model" => (Support::Yes, Vec::new()),
            list => (Support::Yes, list.split('|').map(ReasoningEffort::from).collect()),
        }
    }

    #[test]
    fn the_table_says_what_the_comparison_table_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/capabilities.csv");
        let Ok(csv) = std::fs::read_to_string(&path) else {
            // Written past the test harness, which keeps what a passing test prints to itself.
            let mut stderr = std::io::stderr();
            writeln!(stderr, "SKIPPED: no {} to compare the model table with", path.display()).unwrap();
            return;
        };
        let mut lines = csv.lines();
        let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
        let rows: Vec<HashMap<&str, &str>> =
            lines.map(|line| columns.iter().copied().zip(line.split(',')).collect()).collect();
        assert!(rows.iter().all(|row| row.len() == columns.len()));
        let compared: HashSet<&str> =
            VERDICTS.iter().map(|(column, _)| *column).chain(OTHERS.iter().copied()).collect();
        assert_eq!(columns.iter().copied().collect::<HashSet<_>>(), compared);

        let mut ids: Vec<String> = rows.iter().map(|row| format!("{}-{}", row["model"], row["version"])).collect();
        let mut ours: Vec<String> = models().map(|model| model.id()).collect();
        ids.sort();
        ours.sort();
        assert_eq!(ours, ids);

        for row in &rows {
            let id = format!("{}-{}", row["model"], row["version"]);
            let model = models().find(|model| model.is(&id)).unwrap();
            assert_eq!((model.name(), model.version()), (row["model"], Some(row["version"])));
            let capabilities = model.capabilities();
            assert_eq!(capabilities.family().as_str(), row["family"], "{id}");
            assert_eq!(capabilities.chat_completions(), verdict(row["chat_completions"]), "{id}");
            assert_eq!(capabilities.is_responses_only(), row["responses_only"] == "yes", "{id}");
            for (column, parameters) in VERDICTS {
                for parameter in *parameters {
                    let ours = capabilities.supports(*parameter);
                    assert_eq!(ours, verdict(row[column]), "{id} {parameter}");
                }
            }
            let (support, list) = efforts(row);
            assert_eq!(capabilities.supports(Parameter::ReasoningEffort), support, "{id}");
            assert_eq!(capabilities.efforts, list, "{id}");
            let default = Some(row["reasoning_effort_default"]).filter(|word| !matches!(*word, "" | "unknown"));
            let ours = capabilities.default_reasoning_effort().map(ReasoningEffort::as_str);
            assert_eq!(ours, default, "{id}");
            assert_eq!(capabilities.context_tokens(), leading_number(row["context_in"]), "{id}");
            assert_eq!(capabilities.max_output_tokens(), leading_number(row["max_out"]), "{id}");
            assert_eq!(capabilities.output_limit(), row["max_out"].parse().ok(), "{id}");
            let together = Some(row["tools_and_effort"]).filter(|cell| !cell.is_empty()).unwrap_or("any");
            assert_eq!(capabilities.tools_and_effort().as_str(), together, "{id}");
            let first = row["min_api_version"].split(' ').next().map(ApiVersion::from);
            assert_eq!(capabilities.min_api_version(), first.filter(ApiVersion::is_well_formed), "{id}");
            assert_eq!(capabilities.status(), row["retired_or_status"], "{id}");
            assert_eq!(capabilities.source(), row["source"], "{id}");
        }
    }

    #[test]
    fn lines_stand_in_order_and_none_twice() {
        let lines: Vec<(usize, String, String)> = models()
            .map(|model| {
                let place = Family::ALL.iter().position(|family| *family == model.capabilities().family());
                let version = model.version().unwrap_or_default().to_lowercase();
                (place.unwrap(), model.name().to_owned(), version)
            })
            .collect();
        assert_eq!(lines.len(), 78);
        assert!(lines.is_sorted_by(|above, below| above < below));
    }

    #[test]
    fn every_line_says_when_and_where_it_was_checked() {
        for model in models() {
            let capabilities = model.capabilities();
            assert_eq!(capabilities.checked(), "2026-11-27", "{model}");
            assert!(!capabilities.source().is_empty() && !capabilities.status().is_empty(), "{model}");
            assert!(capabilities.min_api_version().is_none_or(|version| version.is_known()), "{model}");
        }
    }

    #[test]
    fn rules_of_single_models_stand_with_those_models_only() {
        let with = |rule: fn(&Capabilities) -> bool| -> Vec<String> {
            models().filter(|model| rule(model.capabilities())).map(|model| model.id()).collect()
        };
        assert_eq!(
            with(Capabilities::max_completion_tokens_required),
            ["o1-2024-12-17", "o1-mini-2024-09-12", "o1-preview-2024-09-12"]
        );
        assert_eq!(with(Capabilities::system_becomes_developer), ["o1-2024-12-17"]);
        let names: HashSet<String> = with(Capabilities::answers_as_another)
            .iter()
            .map(|id| id.parse::<Model>().unwrap().name().to_owned())
            .collect();
        assert_eq!(names, HashSet::from(["gpt-chat-latest".to_owned(), "model-router".to_owned()]));
        assert_eq!(
            with(Capabilities::minimal_excludes_parallel_tool_calls),
            ["gpt-5-2025-08-07", "gpt-5-mini-2025-08-07", "gpt-5-nano-2025-08-07"]
        );
    }

    #[test]
    fn where_temperature_is_refused_the_default_is_taken_but_by_the_models_seen_to_refuse_it() {
        let chat = models().filter(|model| model.capabilities().chat_completions() != Support::No);
        let taken = |model: &Model| model.capabilities().supports(Parameter::Temperature);
        let refusing = chat.filter(|model| matches!(taken(model), Support::No | Support::EffortNone));
        let all: Vec<String> =
            refusing.filter(|model| !model.capabilities().only_default_temperature()).map(|model| model.id()).collect();
        assert_eq!(all, ["o1-2024-12-17", "o1-pro-2025-03-19", "o3-mini-2025-01-31"]);
    }

    #[test]
    fn refused_efforts_are_those_of_models_without_any() {
        for model in models() {
            let refused = model.capabilities().reasoning_efforts() == Some(&[]);
            let of_reasoning = matches!(model.name(), "o1-mini" | "o1-preview" | "gpt-chat-latest");
            let expected = of_reasoning || model.capabilities().family() == Family::Standard;
            assert_eq!(refused, expected, "{model}");
        }
    }

    #[test]
    fn the_dates_that_are_known_are_read() {
        for (model, expected) in [
            (Model::O1_2024_12_17, Lifecycle::Retiring("2026-11-19")),
            (Model::GPT_4_0314, Lifecycle::Retired(Some("2025-06-06"))),
            (Model::GPT_6_SOL_2026_09_22, Lifecycle::Unknown),
        ] {
            assert_eq!(model.capabilities().lifecycle(), expected, "{model}");
        }
    }
}
