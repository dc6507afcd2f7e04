from iam.kit.log_context import REQUEST, RequestContext, note_decision, note_principal


def test_a_line_says_whose_request_it_is_of_unless_it_says_so_itself() -> None:
    context = RequestContext("req_1")
    event: dict[str, object] = {"event": "x", "principal": "its own"}
    context.add_to(event)
    assert event == {"event": "x", "principal": "its own", "request_id": "req_1"}
    context.principal, context.decision_id = "arn", "dec_1"
    later: dict[str, object] = {}
    context.add_to(later)
    assert later == {"request_id": "req_1", "principal": "arn", "decision_id": "dec_1"}


def test_what_is_found_out_is_noted_with_the_present_request_and_lost_without_one() -> None:
    token = REQUEST.set(None)
    try:
        note_principal("arn")
        note_decision("dec_1")
        context = RequestContext("req_1")
        REQUEST.set(context)
        note_principal("arn")
        note_decision("dec_1")
        assert (context.principal, context.decision_id) == ("arn", "dec_1")
    finally:
        REQUEST.reset(token)
