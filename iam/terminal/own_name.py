"""How the person at this terminal calls this program, so that advice can be copied."""

import os


def own_name() -> str:
    """`iam`, or what was typed to get here: `./dev iam`, `uv run iam`.

    A wrapper such as `./dev` or an image says it in `IAM_COMMAND`.
    """
    said = os.environ.get("IAM_COMMAND")
    if said:
        return said
    return "uv run iam" if "UV_RUN_RECURSION_DEPTH" in os.environ else "iam"
