"""What every request body has in common."""

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """A request body: fields that we read are typed, all others are let through.

    The checking code of a body is built when it is first needed: dozens of bodies would slow every start.
    """

    model_config = ConfigDict(extra="allow", defer_build=True)
