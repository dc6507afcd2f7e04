"""What a document means, what it changes, and for whom. Pure.

* `shapes.py`: what can be described, and a state of an account.
* `reading.py`: a document, every defect at once; `resolving.py`: the state that it wants.
* `meaning.py`: when two policy documents say the same.
* `planning.py`: the steps from one state to another; `words.py` tells them.
* `scene.py`: a state as the engine sees it; `grants.py`: which statements come and go for whom;
  `widening.py`: whether access may grow; `requests.py`, `effects.py`: an example of each.
* `exporting.py`: a state as a document.
"""
