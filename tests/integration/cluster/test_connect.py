def test_embedded(opensearch, index_name):
    can = opensearch.capabilities
    assert (can.distribution, can.version, can.embedded) == ("opensearch", (3, 6, 0), True)
    assert (can.knn, can.neural_search, can.engines) == (True, True, ("lucene",))
    opensearch.client.indices.create(index=index_name)


def test_elasticsearch(elasticsearch, index_name):
    can = elasticsearch.capabilities
    assert (can.distribution, can.version, can.embedded) == ("elasticsearch", (9, 5, 3), False)
    assert (can.knn, can.neural_search, can.engines) == (True, False, ())
    elasticsearch.client.indices.create(index=index_name)


def test_secured(secured, index_name):
    can = secured.capabilities
    assert (can.distribution, can.version, can.embedded) == ("opensearch", (2, 19, 1), False)
    assert (can.knn, can.neural_search, can.engines) == (True, True, ("lucene", "faiss"))
    secured.client.indices.create(index=index_name)
