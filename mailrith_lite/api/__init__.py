"""The wire: routes, middleware, codec, and one module a resource with its wire Structs and thin handlers."""
