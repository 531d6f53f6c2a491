"""The benchmark's three routes as FastAPI and asyncpg do them: one query per request, nothing else."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

COLUMNS = "id, name, description, price::float8, is_active, created_at, updated_at"


@asynccontextmanager
async def connect(app: FastAPI) -> AsyncIterator[None]:
    async with (
        asyncpg.create_pool(os.environ["PRIMARY_URL"], max_size=10) as app.state.primary,
        asyncpg.create_pool(os.environ["REPLICA_URL"], max_size=10) as app.state.replica,
    ):
        yield


app = FastAPI(lifespan=connect)


class NewItem(BaseModel):
    name: str
    description: str | None = None
    price: float


class Item(NewItem):
    id: int
    is_active: bool
    created_at: datetime
    updated_at: datetime



@app.get("/ready")
async def ready() -> dict[str, str]:
    return {"status": "ready"}


@app.get("/items/{item_id}", response_model=Item)
async def read_item(item_id: int):
    row = await app.state.replica.fetchrow(f"select {COLUMNS} from items where id = $1", item_id)
    if row is None:
        raise HTTPException(404)
    return dict(row)


@app.get("/items", response_model=list[Item])
async def read_items(limit: int = 100):
    rows = await app.state.replica.fetch(f"select {COLUMNS} from items order by id limit $1", limit)
    return [dict(row) for row in rows]


@app.post("/items", response_model=Item, status_code=201)
async def create_item(item: NewItem):
    row = await app.state.primary.fetchrow(
        f"insert into items (name, description, price, created_at, updated_at) "
        f"values ($1, $2, $3::float8, now(), now()) returning {COLUMNS}",
        item.name, item.description, item.price,
    )
    return dict(row)
