// The benchmark's three routes as Gin and pgx do them: one query per request, nothing else.
package main

import (
	"context"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

type item struct {
	ID          int64     `json:"id"`
	Name        string    `json:"name" binding:"required"`
	Description *string   `json:"description"`
	Price       float64   `json:"price"`
	IsActive    bool      `json:"is_active"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

const columns = "id, name, description, price::float8, is_active, created_at, updated_at"

func scan(row pgx.Row) (it item, err error) {
	err = row.Scan(&it.ID, &it.Name, &it.Description, &it.Price, &it.IsActive, &it.CreatedAt, &it.UpdatedAt)
	return
}

func open(url string) *pgxpool.Pool {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		panic(err)
	}
	config.MaxConns = 20
	pool, err := pgxpool.ConnectConfig(context.Background(), config)
	if err != nil {
		panic(err)
	}
	return pool
}

func main() {
	primary, replica := open(os.Getenv("PRIMARY_URL")), open(os.Getenv("REPLICA_URL"))
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.GET("/ready", func(c *gin.Context) { c.Status(http.StatusOK) })
	router.GET("/items/:id", func(c *gin.Context) {
		id, err := strconv.ParseInt(c.Param("id"), 10, 64)
		if err != nil {
			c.Status(http.StatusBadRequest)
			return
		}
		it, err := scan(replica.QueryRow(c, "select "+columns+" from items where id = $1", id))
		if err != nil {
			c.Status(http.StatusNotFound)
			return
		}
		c.JSON(http.StatusOK, it)
	})
	router.GET("/items", func(c *gin.Context) {
		limit, _ := strconv.Atoi(c.DefaultQuery("limit", "100"))
		rows, err := replica.Query(c, "select "+columns+" from items order by id limit $1", limit)
		if err != nil {
			c.Status(http.StatusInternalServerError)
			return
		}
		defer rows.Close()
		items := make([]item, 0, limit)
		for rows.Next() {
			it, err := scan(rows)
			if err != nil {
				c.Status(http.StatusInternalServerError)
				return
			}
			items = append(items, it)
		}
		c.JSON(http.StatusOK, items)
	})
	router.POST("/items", func(c *gin.Context) {
		var in item
		if c.ShouldBindJSON(&in) != nil {
			c.Status(http.StatusUnprocessableEntity)
			return
		}
		it, err := scan(primary.QueryRow(c, "insert into items (name, description, price, created_at, updated_at) values ($1, $2, $3::float8, now(), now()) returning "+columns, in.Name, in.Description, in.Price))
		if err != nil {
			c.Status(http.StatusInternalServerError)
			return
		}
		c.JSON(http.StatusCreated, it)
	})
	if err := router.Run("127.0.0.1:" + os.Getenv("PORT")); err != nil {
		panic(err)
	}
}
