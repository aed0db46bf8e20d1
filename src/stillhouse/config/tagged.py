"""Fields that take one of several models, told apart by the value of one key (`backend: vllm`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import BaseModel, Discriminator, Tag
from pydantic.fields import FieldInfo


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys of a model as they stand in a file."""
    return [field.alias or name for name, field in model.model_fields.items()]


@dataclass(frozen=True)
class ByKey:
    """Chooses a model by the value of `key`; of `examples` by what that begins with.

    Those are prefixes, with what one may write for each. Without the key it is the model of
    `default`, if there is one.
    """

    key: str
    examples: Mapping[str, str] = field(default_factory=dict)
    default: str | None = None

    def discriminator(self) -> Discriminator:
        """Stands behind the union of the models, each with its Tag."""
        return Discriminator(self.tag_of)

    def tag_of(self, value: Any) -> str | None:
        """The tag of what a field is given; None where it has none."""
        if isinstance(value, dict):
            found = value.get(self.key, self.default)
        else:
            found = getattr(value, self.key, None)
        return self.tag(found) if isinstance(found, str) else None

    def tag(self, value: str) -> str:
        """The tag that a value of the key stands for."""
        return next((each for each in self.examples if value.startswith(each)), value)


@dataclass(frozen=True)
class Tagged:
    """The models that one field takes; each has the key `tag`, whose value names it."""

    by: ByKey
    models: Mapping[str, type[BaseModel]]

    @property
    def tag(self) -> str:
        """The key that tells the models apart."""
        return self.by.key

    @property
    def names(self) -> list[str]:
        """The values of `tag`, as one writes them."""
        return sorted(map(self.shown, self.models))

    def shown(self, tag: str) -> str:
        """What one writes to get the model of a tag."""
        return self.by.examples.get(tag, tag)

    @property
    def keys(self) -> list[str]:
        """The keys that one or the other has."""
        return sorted({key for model in self.models.values() for key in keys_of(model)})

    def with_key(self, key: str) -> str:
        """Those that have a key, as one writes them: `backend: ray` or `backend: vllm`."""
        takers = [tag for tag, model in self.models.items() if key in keys_of(model)]
        return " or ".join(f"`{self.tag}: {name}`" for name in sorted(map(self.shown, takers)))

    def named_by(self, value: Any) -> type[BaseModel]:
        """The model that a value names; if it names none, what all of them are."""
        models = list(self.models.values())
        shared = next(c for c in models[0].__mro__ if all(issubclass(each, c) for each in models))
        return self.models.get(self.by.tag_of(value) or "", shared)


def tagged(info: FieldInfo) -> Tagged | None:
    """The models between which the value of a field chooses by a tag, if it does."""
    annotation = info.rebuild_annotation()
    for kind in (annotation, *get_args(annotation)):  # a union with null holds it
        models, *metadata = get_args(kind) or (None,)
        chosen = (each.discriminator for each in metadata if isinstance(each, Discriminator))
        by = next((getattr(each, "__self__", None) for each in chosen), None)
        if isinstance(by, ByKey):
            tags = {}
            for each in get_args(models):
                model, tag = get_args(each)
                assert isinstance(tag, Tag)
                tags[tag.tag] = model
            return Tagged(by, tags)
    return None
