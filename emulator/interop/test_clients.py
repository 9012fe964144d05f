"""The official Python client, LangChain and litellm against the running program."""

import json
import os
import urllib.request

import litellm
import openai
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import AzureChatOpenAI, AzureOpenAIEmbeddings
from openai import AsyncAzureOpenAI, AzureOpenAI, OpenAI
from pydantic import BaseModel

ENDPOINT = os.environ["EMULATOR_ENDPOINT"]
VERSION = "2025-04-01-preview"
ASK = [{"role": "user", "content": "How do rivers carve valleys?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Forecasts the weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def control(method, path, body=None, session=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{ENDPOINT}/__emulator/{path}", data=data, method=method)
    request.add_header("content-type", "application/json")
    if session:
        request.add_header("x-emulator-session", session)
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


@pytest.fixture
def session(request):
    """A session of the test's own: its faults and its journal are nobody else's."""
    name = request.node.name
    yield name
    control("DELETE", f"sessions/{name}")


@pytest.fixture
def azure(session):
    return AzureOpenAI(
        azure_endpoint=ENDPOINT,
        api_key="the-key",
        api_version=VERSION,
        max_retries=0,
        default_headers={"x-emulator-session": session},
    )


@pytest.fixture
def v1(session):
    return OpenAI(
        base_url=f"{ENDPOINT}/openai/v1/",
        api_key="the-key",
        max_retries=0,
        default_headers={"x-emulator-session": session},
    )


def text_of(stream):
    chunks = list(stream)
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices and c.choices[0].delta), chunks


# openai-python, unary


def test_an_answer_over_the_dated_route(azure):
    answer = azure.chat.completions.create(model="gpt-4o-mini", messages=ASK)
    assert "rivers" in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "gpt-4o-mini-2024-07-18"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.model_extra["prompt_filter_results"][0]["content_filter_results"]["hate"]["severity"] == "safe"


def test_an_answer_over_the_v1_route(v1):
    assert "rivers" in v1.chat.completions.create(model="gpt-4o-mini", messages=ASK).choices[0].message.content


def test_an_answer_over_openais_own_base():
    client = OpenAI(base_url=f"{ENDPOINT}/v1", api_key="the-key", max_retries=0)
    assert client.chat.completions.create(model="gpt-4o-mini", messages=ASK).choices[0].finish_reason == "stop"


def test_a_deployment_whose_name_needs_escapes(azure):
    assert azure.chat.completions.create(model="my deployment", messages=ASK).model == "gpt-4o-2024-11-20"


def test_headers_are_those_of_azure(azure):
    raw = azure.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=ASK)
    assert raw.headers["apim-request-id"] and raw.headers["x-ms-region"] == "East US 2"
    assert int(raw.headers["x-ratelimit-remaining-requests"]) > 0


def test_several_choices(azure):
    answer = azure.chat.completions.create(model="gpt-4o-mini", messages=ASK, n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]


def test_logprobs(azure):
    answer = azure.chat.completions.create(model="gpt-4o-mini", messages=ASK, logprobs=True, top_logprobs=2)
    content = answer.choices[0].logprobs.content
    assert "".join(token.token for token in content) == answer.choices[0].message.content
    assert len(content[0].top_logprobs) == 2


def test_a_stop_sequence(azure):
    answer = azure.chat.completions.create(model="gpt-4o-mini", messages=ASK, stop=["smallest"])
    assert "smallest" not in answer.choices[0].message.content


def test_a_token_limit(azure):
    answer = azure.chat.completions.create(model="gpt-4o-mini", messages=ASK, max_tokens=5)
    assert answer.choices[0].finish_reason == "length" and answer.usage.completion_tokens == 5


def test_an_image(azure):
    url = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}}]
    answer = azure.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": parts}])
    assert "1 image" in answer.choices[0].message.content


# openai-python, streams


def test_a_stream(azure):
    text, chunks = text_of(azure.chat.completions.create(model="gpt-4o-mini", messages=ASK, stream=True))
    assert "rivers" in text and chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[0].choices == [] and chunks[0].model_extra["prompt_filter_results"]


def test_a_stream_with_usage(azure):
    options = {"include_usage": True}
    _, chunks = text_of(
        azure.chat.completions.create(model="gpt-4o-mini", messages=ASK, stream=True, stream_options=options)
    )
    assert chunks[-1].usage.completion_tokens > 0 and chunks[-1].choices == []


def test_a_stream_over_v1(v1):
    assert "rivers" in text_of(v1.chat.completions.create(model="gpt-4o-mini", messages=ASK, stream=True))[0]


def test_a_stream_of_several_choices(azure):
    chunks = list(azure.chat.completions.create(model="gpt-4o-mini", messages=ASK, stream=True, n=2))
    assert {choice.index for chunk in chunks for choice in chunk.choices} == {0, 1}


def test_a_stream_helper(azure):
    with azure.chat.completions.stream(model="gpt-4o-mini", messages=ASK) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert "rivers" in final.choices[0].message.content


def test_padded_chunks(azure):
    chunks = list(azure.chat.completions.create(model="padded", messages=ASK, stream=True))
    assert any(getattr(chunk, "obfuscation", None) for chunk in chunks)


def test_an_asynchronous_client(session):
    import asyncio

    async def run():
        client = AsyncAzureOpenAI(azure_endpoint=ENDPOINT, api_key="the-key", api_version=VERSION, max_retries=0)
        stream = await client.chat.completions.create(model="gpt-4o-mini", messages=ASK, stream=True)
        return [chunk async for chunk in stream]

    assert asyncio.run(run())[-1].choices[0].finish_reason == "stop"


# openai-python, tools and structured answers


def test_a_tool_call_and_its_result(azure):
    messages = [{"role": "user", "content": "How is the weather in Paris?"}]
    answer = azure.chat.completions.create(model="gpt-4o-mini", messages=messages, tools=[WEATHER])
    message = answer.choices[0].message
    assert answer.choices[0].finish_reason == "tool_calls" and message.content is None
    assert json.loads(message.tool_calls[0].function.arguments) == {"city": "Paris"}
    messages += [message, {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": '{"degrees": 18}'}]
    answer = azure.chat.completions.create(model="gpt-4o-mini", messages=messages, tools=[WEATHER])
    assert "18" in answer.choices[0].message.content


def test_parallel_tool_calls(azure):
    messages = [{"role": "user", "content": "How is the weather in Paris and in Rome?"}]
    calls = azure.chat.completions.create(model="gpt-4o-mini", messages=messages, tools=[WEATHER]).choices[0].message
    assert [json.loads(call.function.arguments)["city"] for call in calls.tool_calls] == ["Paris", "Rome"]


def test_a_streamed_tool_call(azure):
    messages = [{"role": "user", "content": "How is the weather in Paris?"}]
    with azure.chat.completions.stream(model="gpt-4o-mini", messages=messages, tools=[WEATHER]) as stream:
        for _ in stream:
            pass
        call = stream.get_final_completion().choices[0].message.tool_calls[0]
    assert call.function.name == "get_weather" and json.loads(call.function.arguments) == {"city": "Paris"}


def test_no_tool_for_thanks(azure):
    messages = [{"role": "user", "content": "Thank you!"}]
    answer = azure.chat.completions.create(model="gpt-4o-mini", messages=messages, tools=[WEATHER])
    assert answer.choices[0].finish_reason == "stop" and answer.choices[0].message.content


class Event(BaseModel):
    name: str
    participants: list[str]


def test_a_structured_answer(azure):
    messages = [{"role": "user", "content": "Alice and Bob go to the Science Fair on Friday."}]
    answer = azure.chat.completions.parse(model="gpt-4o", messages=messages, response_format=Event)
    assert isinstance(answer.choices[0].message.parsed, Event)


def test_a_structured_stream(azure):
    messages = [{"role": "user", "content": "Alice and Bob go to the Science Fair on Friday."}]
    with azure.chat.completions.stream(model="gpt-4o", messages=messages, response_format=Event) as stream:
        for _ in stream:
            pass
        assert isinstance(stream.get_final_completion().choices[0].message.parsed, Event)


def test_a_json_object(azure):
    messages = [{"role": "user", "content": "Rivers and valleys, as JSON."}]
    answer = azure.chat.completions.create(
        model="gpt-4o-mini", messages=messages, response_format={"type": "json_object"}
    )
    assert isinstance(json.loads(answer.choices[0].message.content), dict)


def test_a_predicted_answer(azure):
    code = 'for n in range(1, 101):\n    print("FizzBuzz")\n'
    messages = [
        {"role": "user", "content": "Replace string `FizzBuzz` with `MSFTBuzz`. Respond only with code."},
        {"role": "user", "content": code},
    ]
    answer = azure.chat.completions.create(
        model="gpt-4o-mini", messages=messages, prediction={"type": "content", "content": code}
    )
    assert answer.choices[0].message.content == code.replace("FizzBuzz", "MSFTBuzz")
    details = answer.usage.completion_tokens_details
    assert details.accepted_prediction_tokens > 0 and details.rejected_prediction_tokens > 0


# openai-python, reasoning models


def test_a_reasoning_answer(azure):
    answer = azure.chat.completions.create(
        model="o1-new",
        messages=[{"role": "developer", "content": "You are a helpful assistant."}, *ASK],
        max_completion_tokens=5000,
        reasoning_effort="low",
    )
    assert answer.usage.completion_tokens_details.reasoning_tokens > 0


@pytest.mark.parametrize(
    "extra, param, code",
    [
        ({"max_tokens": 5}, "max_tokens", "unsupported_parameter"),
        ({"temperature": 0.2}, "temperature", "unsupported_parameter"),
        ({"top_p": 0.2}, "top_p", "unsupported_parameter"),
        ({"stream": True}, "stream", "unsupported_value"),
        ({"reasoning_effort": "minimal"}, "reasoning_effort", "unsupported_value"),
    ],
)
def test_what_o1_refuses(azure, extra, param, code):
    with pytest.raises(openai.BadRequestError) as caught:
        azure.chat.completions.create(model="o1-new", messages=ASK, **extra)
    assert (caught.value.param, caught.value.code) == (param, code)


# openai-python, content filters


def test_a_blocked_prompt(azure):
    with pytest.raises(openai.BadRequestError) as caught:
        azure.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "make it bleed"}])
    assert caught.value.code == "content_filter"
    result = caught.value.body["innererror"]["content_filter_result"]
    assert result["violence"] == {"filtered": True, "severity": "medium"}


def test_a_filtered_answer(azure):
    messages = [{"role": "user", "content": "tell me how to mix"}]
    answer = azure.chat.completions.create(model="gpt-4o-mini", messages=messages)
    assert answer.choices[0].finish_reason == "content_filter" and "powder" not in answer.choices[0].message.content


def test_a_filtered_stream(azure):
    messages = [{"role": "user", "content": "tell me how to mix"}]
    _, chunks = text_of(azure.chat.completions.create(model="gpt-4o-mini", messages=messages, stream=True))
    assert chunks[-1].choices[0].finish_reason == "content_filter"


def test_the_asynchronous_filter(azure):
    text, chunks = text_of(azure.chat.completions.create(model="async", messages=ASK, stream=True))
    assert "rivers" in text
    notes = [c for c in chunks if c.choices and "content_filter_offsets" in (c.choices[0].model_extra or {})]
    assert notes


# openai-python, signing in


def test_a_wrong_key(session):
    client = AzureOpenAI(azure_endpoint=ENDPOINT, api_key="wrong", api_version=VERSION, max_retries=0)
    with pytest.raises(openai.AuthenticationError) as caught:
        client.chat.completions.create(model="gpt-4o-mini", messages=ASK)
    assert "invalid subscription key" in str(caught.value)


def entra(**claims):
    query = "&".join(f"{name}={value}" for name, value in claims.items())
    return lambda: control("GET", f"token?{query}")["access_token"]


def test_an_entra_token(session):
    client = AzureOpenAI(
        azure_endpoint=ENDPOINT, azure_ad_token_provider=entra(), api_version=VERSION, max_retries=0
    )
    assert client.chat.completions.create(model="gpt-4o-mini", messages=ASK).choices


@pytest.mark.parametrize("claims", [{"audience": "https://management.azure.com"}, {"expires_in": -60}])
def test_an_entra_token_that_is_not_taken(claims):
    client = AzureOpenAI(
        azure_endpoint=ENDPOINT, azure_ad_token_provider=entra(**claims), api_version=VERSION, max_retries=0
    )
    with pytest.raises(openai.AuthenticationError) as caught:
        client.chat.completions.create(model="gpt-4o-mini", messages=ASK)
    assert "audience is incorrect" in str(caught.value)


# openai-python, what goes wrong


def test_an_unknown_deployment(azure):
    with pytest.raises(openai.NotFoundError) as caught:
        azure.chat.completions.create(model="nothing", messages=ASK)
    assert caught.value.code == "DeploymentNotFound"


def test_a_rate_limit_is_waited_for(session):
    control("POST", "faults", {"preset": "rate_limit", "retry_after_ms": 50, "next": 1}, session)
    client = AzureOpenAI(
        azure_endpoint=ENDPOINT,
        api_key="the-key",
        api_version=VERSION,
        max_retries=2,
        default_headers={"x-emulator-session": session},
    )
    assert client.chat.completions.create(model="gpt-4o-mini", messages=ASK).choices
    journal = control("GET", "journal?wait=2", session=session)
    assert [entry["status"] for entry in journal["requests"]] == [429, 200]


def test_a_quota(azure, session):
    control("PUT", "quotas/gpt-4o-mini", {"requests": 1, "seconds": 30}, session)
    azure.chat.completions.create(model="gpt-4o-mini", messages=ASK)
    with pytest.raises(openai.RateLimitError) as caught:
        azure.chat.completions.create(model="gpt-4o-mini", messages=ASK)
    assert "exceeded call rate limit" in str(caught.value)
    assert int(caught.value.response.headers["retry-after"]) > 0


def test_a_cut_stream(azure, session):
    control("POST", "faults", {"cut_after": 4}, session)
    with pytest.raises(Exception):
        list(azure.chat.completions.create(model="gpt-4o-mini", messages=ASK, stream=True))


def test_a_truncated_stream_has_no_finish_reason(azure, session):
    control("POST", "faults", {"truncate_after": 4}, session)
    chunks = list(azure.chat.completions.create(model="gpt-4o-mini", messages=ASK, stream=True))
    assert all(choice.finish_reason is None for chunk in chunks for choice in chunk.choices)


def test_an_error_in_a_stream(azure, session):
    control("POST", "faults", {"error_after": 4}, session)
    with pytest.raises(openai.APIError):
        list(azure.chat.completions.create(model="gpt-4o-mini", messages=ASK, stream=True))


def test_a_reset_connection(azure, session):
    control("POST", "faults", {"reset": True}, session)
    with pytest.raises(openai.APIConnectionError):
        azure.chat.completions.create(model="gpt-4o-mini", messages=ASK)


def test_a_page_of_html(azure, session):
    control("POST", "faults", {"preset": "bad_gateway"}, session)
    with pytest.raises(openai.InternalServerError):
        azure.chat.completions.create(model="gpt-4o-mini", messages=ASK)


def test_an_unknown_argument(azure):
    with pytest.raises(openai.BadRequestError) as caught:
        azure.chat.completions.create(model="gpt-4o-mini", messages=ASK, extra_body={"tomorrow": 1})
    assert "Unrecognized request argument supplied: tomorrow" in str(caught.value)


def test_a_script_goes_on_in_its_session_alone(azure, session):
    texts = [azure.chat.completions.create(model="scripted", messages=ASK).choices[0].message.content for _ in range(3)]
    assert texts[:2] == ["one", "two"] and texts[2].startswith("1 2 3")


# openai-python, neighbours


def test_embeddings(azure):
    answer = azure.embeddings.create(model="vectors", input=["rivers carve valleys", "a river carves a valley"])
    one, other = (item.embedding for item in answer.data)
    assert len(one) == 1536 and abs(sum(x * x for x in one) - 1) < 1e-4
    assert sum(x * y for x, y in zip(one, other)) > 0.4


def test_embeddings_on_a_chat_deployment(azure):
    with pytest.raises(openai.BadRequestError) as caught:
        azure.embeddings.create(model="gpt-4o-mini", input="a")
    assert caught.value.code == "OperationNotSupported"


def test_the_list_of_models(azure, v1):
    assert any("gpt-4o" in model.id for model in azure.models.list())
    assert any("gpt-4o" in model.id for model in v1.models.list())


def test_what_is_not_served_says_so(v1):
    with pytest.raises(openai.NotFoundError) as caught:
        v1.responses.create(model="gpt-4o", input="hi")
    assert "does not serve 'responses'" in str(caught.value)


# LangChain


@pytest.fixture
def chain(session):
    return AzureChatOpenAI(
        azure_endpoint=ENDPOINT,
        api_key="the-key",
        api_version=VERSION,
        azure_deployment="gpt-4o",
        max_retries=0,
        default_headers={"x-emulator-session": session},
    )


def test_langchain_invokes(chain):
    answer = chain.invoke([SystemMessage("Be brief."), HumanMessage(ASK[0]["content"])])
    assert "rivers" in answer.content and answer.usage_metadata["total_tokens"] > 0


def test_langchain_streams(chain):
    assert "rivers" in "".join(chunk.content for chunk in chain.stream(ASK[0]["content"]))


def test_langchain_batches(chain):
    assert len(chain.batch(["one", "two", "three"])) == 3


@tool
def get_weather(city: str) -> str:
    """Forecasts the weather of a city."""
    return f"It is sunny in {city}."


def test_langchain_calls_tools(chain):
    bound = chain.bind_tools([get_weather])
    messages = [HumanMessage("How is the weather in Paris?")]
    answer = bound.invoke(messages)
    assert answer.tool_calls[0]["args"] == {"city": "Paris"}
    messages += [answer, ToolMessage(get_weather.invoke(answer.tool_calls[0]["args"]), tool_call_id=answer.tool_calls[0]["id"])]
    assert "sunny" in bound.invoke(messages).content


def test_langchain_structures(chain):
    assert isinstance(chain.with_structured_output(Event).invoke("Alice and Bob go to the Science Fair."), Event)


def test_langchain_sees_a_blocked_prompt(chain):
    with pytest.raises(openai.BadRequestError):
        chain.invoke("make it bleed")


def test_langchain_reasons(session):
    model = AzureChatOpenAI(
        azure_endpoint=ENDPOINT, api_key="the-key", api_version=VERSION, azure_deployment="o1-new", max_retries=0
    )
    answer = model.invoke([HumanMessage("How do rivers carve valleys?"), AIMessage("Slowly."), HumanMessage("Why?")])
    assert answer.usage_metadata["output_token_details"]["reasoning"] > 0


def test_langchain_embeds(session):
    model = AzureOpenAIEmbeddings(
        azure_endpoint=ENDPOINT, api_key="the-key", api_version=VERSION, azure_deployment="vectors", check_embedding_ctx_length=False
    )
    assert len(model.embed_query("rivers")) == 1536


# litellm


def lite(**more):
    return litellm.completion(
        api_base=ENDPOINT, api_key="the-key", api_version=VERSION, num_retries=0, **{"model": "azure/gpt-4o-mini", "messages": ASK, **more}
    )


def test_litellm_answers():
    assert "rivers" in lite().choices[0].message.content


def test_litellm_streams():
    assert "rivers" in "".join(chunk.choices[0].delta.content or "" for chunk in lite(stream=True))


def test_litellm_calls_tools():
    answer = lite(messages=[{"role": "user", "content": "How is the weather in Paris?"}], tools=[WEATHER])
    assert json.loads(answer.choices[0].message.tool_calls[0].function.arguments) == {"city": "Paris"}


def test_litellm_sees_a_blocked_prompt():
    with pytest.raises(litellm.ContentPolicyViolationError):
        lite(messages=[{"role": "user", "content": "make it bleed"}])


def test_litellm_sees_an_unknown_deployment():
    with pytest.raises(litellm.NotFoundError):
        lite(model="azure/nothing")


def test_litellm_over_openais_base():
    answer = litellm.completion(
        model="openai/gpt-4o-mini", api_base=f"{ENDPOINT}/v1", api_key="the-key", messages=ASK, num_retries=0
    )
    assert "rivers" in answer.choices[0].message.content


def test_litellm_embeds():
    answer = litellm.embedding(
        model="azure/vectors", input=["a", "b"], api_base=ENDPOINT, api_key="the-key", api_version=VERSION
    )
    assert len(answer.data[1]["embedding"]) == 1536
