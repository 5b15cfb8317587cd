# SPDX-License-Identifier: GPL-2.0-only
"""The API: POST /ask answers a question with the nearest documents, GET /health says "ok".

For gunicorn: `app:frontend()` is the API with a stand-in for the store,
`app:whole("STORE", "SCRATCH")` the whole application.
"""

from pathlib import Path

from flask import Flask, Response, jsonify, request

from backend import Backend, Fixed, Store, as_json

LONGEST_QUESTION = 1000
"""Characters."""


def frontend() -> Flask:
    """The API alone."""
    return api(Fixed())


def whole(store: str, scratch: str) -> Flask:
    """The API and the store in this folder; it works on a copy in `scratch`."""
    return api(Store(Path(store), Path(scratch)))


def api(backend: Backend) -> Flask:
    """The API before any backend."""
    app = Flask(__name__, static_folder=None)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/ask")
    def ask() -> Response | tuple[Response, int]:
        question = request.get_json(silent=True)
        if reason := unfit(question):
            return jsonify(error=reason), 400
        documents = backend.nearest(question["question"])
        return jsonify(question=question["question"], documents=as_json(documents))

    return app


def unfit(body: object) -> str | None:
    """Why this is not a question."""
    if not isinstance(body, dict):
        return "the body must be a JSON object, its Content-Type application/json"
    if unknown := sorted(body.keys() - {"question"}):
        return f"{unknown[0]}: no such field"
    question = body.get("question")
    if not isinstance(question, str):
        return "question: a string is required"
    if not question.strip():
        return "question: must not be empty"
    if len(question) > LONGEST_QUESTION:
        return f"question: more than {LONGEST_QUESTION} characters"
    return None
