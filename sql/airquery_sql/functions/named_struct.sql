-- named_struct(key, value, ...) of Spark for one to eight pairs: a STRUCT with constant keys.
CREATE OR REPLACE TEMP MACRO named_struct
  (k0, v0) AS
    cast_to_type(row(v0), from_json('null', json_object(k0::VARCHAR, typeof(v0))::VARCHAR)),
  (k0, v0, k1, v1) AS
    cast_to_type(row(v0, v1), from_json('null', json_object(k0::VARCHAR, typeof(v0), k1::VARCHAR, typeof(v1))::VARCHAR)),
  (k0, v0, k1, v1, k2, v2) AS
    cast_to_type(row(v0, v1, v2), from_json('null', json_object(k0::VARCHAR, typeof(v0), k1::VARCHAR, typeof(v1), k2::VARCHAR, typeof(v2))::VARCHAR)),
  (k0, v0, k1, v1, k2, v2, k3, v3) AS
    cast_to_type(row(v0, v1, v2, v3), from_json('null', json_object(k0::VARCHAR, typeof(v0), k1::VARCHAR, typeof(v1), k2::VARCHAR, typeof(v2), k3::VARCHAR, typeof(v3))::VARCHAR)),
  (k0, v0, k1, v1, k2, v2, k3, v3, k4, v4) AS
    cast_to_type(row(v0, v1, v2, v3, v4), from_json('null', json_object(k0::VARCHAR, typeof(v0), k1::VARCHAR, typeof(v1), k2::VARCHAR, typeof(v2), k3::VARCHAR, typeof(v3), k4::VARCHAR, typeof(v4))::VARCHAR)),
  (k0, v0, k1, v1, k2, v2, k3, v3, k4, v4, k5, v5) AS
    cast_to_type(row(v0, v1, v2, v3, v4, v5), from_json('null', json_object(k0::VARCHAR, typeof(v0), k1::VARCHAR, typeof(v1), k2::VARCHAR, typeof(v2), k3::VARCHAR, typeof(v3), k4::VARCHAR, typeof(v4), k5::VARCHAR, typeof(v5))::VARCHAR)),
  (k0, v0, k1, v1, k2, v2, k3, v3, k4, v4, k5, v5, k6, v6) AS
    cast_to_type(row(v0, v1, v2, v3, v4, v5, v6), from_json('null', json_object(k0::VARCHAR, typeof(v0), k1::VARCHAR, typeof(v1), k2::VARCHAR, typeof(v2), k3::VARCHAR, typeof(v3), k4::VARCHAR, typeof(v4), k5::VARCHAR, typeof(v5), k6::VARCHAR, typeof(v6))::VARCHAR)),
  (k0, v0, k1, v1, k2, v2, k3, v3, k4, v4, k5, v5, k6, v6, k7, v7) AS
    cast_to_type(row(v0, v1, v2, v3, v4, v5, v6, v7), from_json('null', json_object(k0::VARCHAR, typeof(v0), k1::VARCHAR, typeof(v1), k2::VARCHAR, typeof(v2), k3::VARCHAR, typeof(v3), k4::VARCHAR, typeof(v4), k5::VARCHAR, typeof(v5), k6::VARCHAR, typeof(v6), k7::VARCHAR, typeof(v7))::VARCHAR));
