export { MemoryCache, type MemoryCacheOptions } from "./memory-cache.ts";
export { connectRedisCache, type RedisCacheOptions } from "./redis-cache.ts";
export { type SharedCache, SharedCacheError } from "./shared-cache.ts";
